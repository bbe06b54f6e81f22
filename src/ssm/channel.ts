// The data channel of a session: a WebSocket to Systems Manager, over which this end and the agent send each other numbered
// messages. When it is cut, the session is resumed with a new token and goes on where it was.
// https://github.com/aws/session-manager-plugin/blob/mainline/src/datachannel/streaming.go

import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { RawData, WebSocket } from "ws";
import { atMost, unlessAborted } from "../base/deadline.ts";
import type { SessionCipher } from "./cipher.ts";
import {
  answerChallenge,
  answerHandshake,
  CLIENT_VERSION,
  isAbove,
  type MakeDataKey,
} from "./handshake.ts";
import { Incoming } from "./incoming.ts";
import {
  type ChannelMessage,
  decodeMessage,
  encodeAcknowledgement,
  encodeFlag,
  FLAG,
  PAYLOAD,
  readFields,
} from "./message.ts";
import { Outgoing } from "./outgoing.ts";

const PING_INTERVAL = 300_000; // ms
const FIRST_DELAY = 100; // ms before the session is resumed, doubled with each attempt
const MOST_ATTEMPTS = 6;
const ATTEMPT_LIMIT = 15_000; // ms
const CLOSE_LIMIT = 1_000; // ms
const WITHOUT_FLAG = "2.3.722.0"; // the last agent that has to be ended by the API

/** What a data channel needs, and what it calls. */
export interface ChannelOptions {
  /** A secret. */
  readonly token: string;
  readonly connect: (signal: AbortSignal) => Promise<WebSocket>;
  /** A new token, or why there will be none; rejects where it is worth another attempt. */
  readonly resume: () => Promise<string | Error>;
  /** Ends the session through the API. */
  readonly end: () => Promise<void>;
  readonly makeDataKey: MakeDataKey;
  readonly onData: (data: Buffer) => void;
  readonly onFlag: (flag: number) => void;
  /** The session is over, and not by close(); the message is a sentence. */
  readonly onEnd: (error: Error) => void;
}

/** An open data channel. */
export class DataChannel {
  readonly #options: ChannelOptions;
  readonly #clientId = randomUUID();
  readonly #incoming = new Incoming((message) => this.#transmit(encodeAcknowledgement(message)));
  readonly #outgoing = new Outgoing((bytes) => this.#transmit(bytes));
  readonly #ready: Promise<void>;
  readonly #pings: NodeJS.Timeout;
  #settle: (failure?: Error) => void = () => {};
  #socket: WebSocket | undefined;
  #cipher: SessionCipher | undefined;
  #agentVersion = "";
  #failure: Error | undefined;
  #closing: Promise<void> | undefined;
  #isHeld = false;
  #state: "opening" | "open" | "closing" | "over" = "opening";
  #heardAt = performance.now();

  private constructor(options: ChannelOptions) {
    this.#options = options;
    this.#pings = setInterval(() => this.#socket?.ping("keepalive"), PING_INTERVAL);
    this.#pings.unref();
    this.#ready = new Promise((resolve, reject) => {
      this.#settle = (failure) => (failure === undefined ? resolve() : reject(failure));
    });
    this.#ready.catch(() => {});
  }

  /** Connects, and resolves when the agent has completed the handshake; rejects with the signal's reason otherwise. */
  static async open(options: ChannelOptions, signal: AbortSignal): Promise<DataChannel> {
    const channel = new DataChannel(options);
    try {
      await channel.#connect(options.token, signal);
      await unlessAborted(channel.#ready, signal);
      // An old agent connects behind its handshake, and fails behind it.
      if (channel.#failure !== undefined) throw channel.#failure;
      return channel;
    } catch (error) {
      await channel.close();
      throw error;
    }
  }

  /** The agent's version, of four numbers. */
  get agentVersion(): string {
    return this.#agentVersion;
  }

  get isEncrypted(): boolean {
    return this.#cipher !== undefined;
  }

  /** Milliseconds for which nothing has come from the agent, since something waits for its acknowledgement. */
  silence(): number {
    if (this.#isHeld || !this.#outgoing.isWaiting) this.#heardAt = performance.now();
    return performance.now() - this.#heardAt;
  }

  /** Sends data; `sent` is called when the next can be given. */
  send(data: Buffer, sent?: () => void): void {
    this.#outgoing.send(PAYLOAD.output, this.#cipher?.encrypt(data) ?? data, sent);
  }

  /** Sends data before all that waits, whatever the agent's state. */
  sendNow(data: Buffer): void {
    this.#outgoing.sendNow(PAYLOAD.output, this.#cipher?.encrypt(data) ?? data);
  }

  /** Reads no more from the WebSocket until go(). */
  hold(): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    this.#socket?.pause();
  }

  /** Reads on. */
  go(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#socket?.resume();
  }

  /** Ends the session, at the agent too. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#state === "over") return;
    this.#state = "closing";
    const socket = this.#socket;
    const isHeard =
      socket?.readyState === socket?.OPEN && isAbove(this.#agentVersion, WITHOUT_FLAG);
    if (socket !== undefined && isHeard) {
      this.#outgoing.sendNow(PAYLOAD.flag, encodeFlag(FLAG.terminateSession));
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.resume();
      socket.close();
      await atMost(CLOSE_LIMIT, closed);
    } else {
      await atMost(
        CLOSE_LIMIT,
        this.#options.end().catch(() => {}),
      );
    }
    this.#finish();
  }

  async #connect(token: string, signal: AbortSignal): Promise<void> {
    const socket = await this.#options.connect(signal);
    if (this.#state === "closing" || this.#state === "over") return socket.terminate();
    this.#socket = socket;
    socket.on("message", (data) => this.#read(socket, data));
    socket.once("close", (code, reason) => {
      if (this.#socket === socket) void this.#cut(code, reason.toString("utf8"));
    });
    if (this.#isHeld) socket.pause();
    const opening = {
      MessageSchemaVersion: "1.0",
      RequestId: randomUUID(),
      TokenValue: token,
      ClientId: this.#clientId,
      ClientVersion: CLIENT_VERSION,
    };
    socket.send(JSON.stringify(opening));
    this.#outgoing.go("cut");
  }

  #transmit(bytes: Buffer): void {
    if (this.#socket?.readyState === this.#socket?.OPEN) this.#socket?.send(bytes);
  }

  #read(socket: WebSocket, data: RawData): void {
    if (socket !== this.#socket || !(data instanceof Buffer)) return;
    const message = decodeMessage(data);
    if (message === undefined) return;
    try {
      this.#process(message);
    } catch (error) {
      this.#end(error as Error);
    }
  }

  #process(message: ChannelMessage): void {
    switch (message.type) {
      case "output_stream_data":
        this.#heard();
        for (const each of this.#incoming.take(message)) this.#deliver(each);
        return;
      case "acknowledge":
        this.#heard();
        this.#outgoing.acknowledge(
          Number(readFields(message.payload)["AcknowledgedMessageSequenceNumber"]),
        );
        return;
      case "pause_publication":
        this.#outgoing.stop("paused");
        return;
      case "start_publication":
        this.#outgoing.go("paused");
        return;
      case "channel_closed":
        this.#end(new Error(closedDetail(readFields(message.payload)["Output"])));
    }
  }

  // An agent that sends is there, whatever the service has said last.
  #heard(): void {
    this.#heardAt = performance.now();
    this.#outgoing.go("paused");
  }

  #deliver({ payloadType, payload }: ChannelMessage): void {
    const cipher = this.#cipher;
    switch (payloadType) {
      case PAYLOAD.output:
        this.#options.onData(cipher?.decrypt(payload) ?? payload);
        return;
      case PAYLOAD.flag:
        if (payload.length >= 4) this.#options.onFlag(payload.readUInt32BE(0));
        return;
      case PAYLOAD.handshakeRequest:
        void this.#shakeHands(payload);
        return;
      case PAYLOAD.challengeRequest:
        if (cipher === undefined) throw new Error("The agent sent a challenge without a key.");
        this.#outgoing.sendNow(PAYLOAD.challengeResponse, answerChallenge(payload, cipher));
        return;
      case PAYLOAD.handshakeComplete:
        if (this.#agentVersion === "" || this.#state !== "opening") return;
        this.#state = "open";
        this.#settle();
    }
  }

  async #shakeHands(request: Buffer): Promise<void> {
    const answer = await answerHandshake(request, this.#options.makeDataKey);
    this.#cipher = answer.cipher;
    this.#agentVersion = answer.agentVersion;
    this.#outgoing.sendNow(PAYLOAD.handshakeResponse, answer.response);
    if (answer.failure !== undefined) this.#settle(answer.failure);
  }

  // As often as the plugin; the service keeps a session for a while whose client has gone.
  async #cut(code: number, reason: string): Promise<void> {
    this.#socket = undefined;
    if (this.#state === "closing" || this.#state === "over") return;
    const why = `Its WebSocket was closed${reason === "" ? "" : ` (${reason})`} with code ${code}`;
    if (this.#state === "opening") return this.#settle(new Error(`${why}.`));
    this.#outgoing.stop("cut");
    let failure: Error | undefined;
    for (let attempt = 0; attempt < MOST_ATTEMPTS && this.#state === "open"; attempt++) {
      try {
        await delay(FIRST_DELAY * (1 + Math.random()) * 2 ** attempt);
        const token = await this.#options.resume();
        if (typeof token === "string") {
          return await this.#connect(token, AbortSignal.timeout(ATTEMPT_LIMIT));
        }
        failure = token;
        break;
      } catch (error) {
        failure = error as Error;
      }
    }
    if (this.#state !== "open") return;
    void this.#options.end().catch(() => {});
    this.#end(new Error(`${why}, and the session could not be resumed: ${failure?.message}.`));
  }

  #end(error: Error): void {
    if (this.#state === "over") return;
    const wasOpen = this.#state === "open";
    this.#failure = error;
    this.#finish();
    this.#settle(error);
    if (wasOpen) this.#options.onEnd(error);
  }

  #finish(): void {
    this.#state = "over";
    clearInterval(this.#pings);
    this.#outgoing.close();
    this.#socket?.terminate();
  }
}

function closedDetail(output: unknown): string {
  const said = typeof output === "string" ? output.trim() : "";
  return `Systems Manager ended the session${said === "" ? "." : `: ${said.replace(/\.$/, "")}.`}`;
}
