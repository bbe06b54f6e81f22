// The messages to the agent: numbered, kept until they are acknowledged, sent again when that takes too long, and no more of them
// on the way than the agent keeps up with.
// The round trip's estimate is the plugin's. It sends the oldest message again alone, without an end, and has no
// window but its 1 ms of sleep for each message; here:
// - The window is TCP's: it grows with acknowledgements, and is halved when more messages are lost than happens by chance.
// - No message waits for ever. The agent acknowledges no duplicate, so what was sent again several times, each time before
//   something that was acknowledged, is there: its acknowledgement was lost.
// https://github.com/aws/session-manager-plugin/blob/mainline/src/datachannel/streaming.go

import type { Buffer } from "node:buffer";
import { encodeMessage } from "./message.ts";

const FIRST_WINDOW = 64; // messages
const LEAST_WINDOW = 16; // messages
// messages, 1 MB: with a round trip of 50 ms 256 carry 4 MB/s, 1,024 carry 9, and 4,096 hardly more
const MOST_WINDOW = 1_024;
const MOST_KEPT = 4 * MOST_WINDOW; // messages that are not acknowledged, those that were sent again included

const TICK = 100; // ms between looks for what has to be sent again
const LEAST_TIMEOUT = 200; // ms; the plugin's first one, and TCP's least: a busy process is not a lost message
const FIRST_ROUND_TRIP = 100; // ms
const MOST_TIMEOUT = 1_000; // ms
const LONGEST_WAIT = 20_000; // ms between two attempts
const LEAST_VARIATION = 10; // ms
const AT_ONCE = 8; // messages sent again in one tick where nothing shows that others arrive
const MOST_ATTEMPTS = 8;
const TOLERATED = 0.05; // of those that arrive

interface Unacknowledged {
  readonly bytes: Buffer;
  sentAt: number;
  attempts: number;
}

interface Queued {
  readonly payloadType: number;
  readonly payload: Buffer;
  readonly sent: () => void;
}

/** The messages of a session to its agent. */
export class Outgoing {
  readonly #transmit: (bytes: Buffer) => void;
  readonly #now: () => number;
  readonly #kept = new Map<number, Unacknowledged>();
  readonly #waiting: Queued[] = [];
  #next = 0;
  #onTheWay = 0; // kept ones that were sent once
  #window = FIRST_WINDOW;
  #threshold = MOST_WINDOW;
  #roundTrip = FIRST_ROUND_TRIP;
  #variation = 0;
  #timeout = LEAST_TIMEOUT;
  #lastSentThatArrived = 0;
  #halvedAt = 0;
  #arrived = 0; // since the last look
  #stops = new Set<"cut" | "paused">();
  #timer: NodeJS.Timeout | undefined;

  /** `now` is a clock of milliseconds. */
  constructor(transmit: (bytes: Buffer) => void, now = () => performance.now()) {
    this.#transmit = transmit;
    this.#now = now;
  }

  /** Whether something is not acknowledged yet. */
  get isWaiting(): boolean {
    return this.#kept.size > 0;
  }

  /** Sends a payload when its turn comes; `sent` is called then. */
  send(payloadType: number, payload: Buffer, sent: () => void = () => {}): void {
    this.#waiting.push({ payloadType, payload, sent });
    this.#flush();
  }

  /** Sends a payload at once, before those that wait. */
  sendNow(payloadType: number, payload: Buffer): void {
    const sequence = this.#next++;
    const bytes = encodeMessage({ type: "input_stream_data", sequence, payloadType, payload });
    this.#kept.set(sequence, { bytes, sentAt: this.#now(), attempts: 0 });
    this.#onTheWay += 1;
    // What this process was too busy to read is read first.
    this.#timer ??= setInterval(() => setImmediate(() => this.#tick()), TICK);
    if (!this.#stops.has("cut")) this.#transmit(bytes);
  }

  /** Takes an acknowledgement. */
  acknowledge(sequence: number): void {
    const message = this.#kept.get(sequence);
    if (message === undefined) return;
    this.#forget(sequence, message);
    this.#arrived += 1;
    this.#lastSentThatArrived = Math.max(this.#lastSentThatArrived, message.sentAt);
    // Of one that was sent again nobody knows which time is acknowledged.
    if (message.attempts === 0) this.#measure(this.#now() - message.sentAt);
    const growth = this.#window < this.#threshold ? 1 : 1 / this.#window;
    this.#window = Math.min(MOST_WINDOW, this.#window + growth);
    this.#flush();
  }

  /** Sends nothing new: the agent is not there for the moment, or the connection is cut. */
  stop(why: "cut" | "paused"): void {
    this.#stops.add(why);
  }

  /** Goes on. */
  go(why: "cut" | "paused"): void {
    if (!this.#stops.delete(why)) return;
    if (why === "cut") for (const message of this.#kept.values()) this.#again(message);
    this.#flush();
  }

  /** Sends nothing any more. */
  close(): void {
    clearInterval(this.#timer);
    this.#kept.clear();
    this.#waiting.length = 0;
    this.#stops.add("cut");
  }

  #flush(): void {
    while (this.#stops.size === 0 && this.#hasRoom) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.sendNow(next.payloadType, next.payload);
      next.sent();
    }
  }

  get #hasRoom(): boolean {
    return this.#onTheWay < this.#window && this.#kept.size < MOST_KEPT;
  }

  #forget(sequence: number, message: Unacknowledged): void {
    this.#kept.delete(sequence);
    if (message.attempts === 0) this.#onTheWay -= 1;
    if (this.#kept.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #measure(roundTrip: number): void {
    this.#variation += (Math.abs(this.#roundTrip - roundTrip) - this.#variation) / 4;
    this.#roundTrip += (roundTrip - this.#roundTrip) / 8;
    const timeout = this.#roundTrip + Math.max(LEAST_VARIATION, 4 * this.#variation);
    this.#timeout = Math.min(MOST_TIMEOUT, Math.max(LEAST_TIMEOUT, timeout));
  }

  // Sent again are those that were overtaken; of the others a few, since an agent that is busy acknowledges nothing for a while.
  #tick(): void {
    if (this.#stops.has("cut")) return;
    const now = this.#now();
    let others = 0;
    let lost = 0;
    for (const [sequence, message] of this.#kept) {
      const wait = Math.min(LONGEST_WAIT, this.#timeout * 2 ** message.attempts);
      if (now - message.sentAt < wait) continue;
      const isOvertaken = message.sentAt < this.#lastSentThatArrived;
      if (isOvertaken && message.attempts === 0) lost += 1;
      if (isOvertaken && message.attempts >= MOST_ATTEMPTS) this.#forget(sequence, message);
      else if (isOvertaken || others++ < AT_ONCE) this.#again(message);
    }
    if (lost > this.#arrived * TOLERATED) this.#halve(now);
    this.#arrived = 0;
    this.#flush();
  }

  #again(message: Unacknowledged): void {
    if (message.attempts === 0) this.#onTheWay -= 1;
    message.attempts += 1;
    message.sentAt = this.#now();
    this.#transmit(message.bytes);
  }

  // Once for each round trip.
  #halve(now: number): void {
    if (now - this.#halvedAt < this.#roundTrip) return;
    this.#halvedAt = now;
    this.#window = Math.max(LEAST_WINDOW, this.#window / 2);
    this.#threshold = this.#window;
  }
}
