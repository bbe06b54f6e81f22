// The agent's end of a session of Systems Manager, as the stand-in in Go (test/slow/ssm-agent) has it, for tests where Go is not.
// AWS's own plugin has talked to both. It follows the agent in what helps no client: only the oldest message is sent again, an old
// one is not acknowledged twice, and 1 KB takes a millisecond where that is asked for.
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { WebSocket } from "ws";
import {
  type ChannelMessage,
  decodeMessage,
  encodeAcknowledgement,
  encodeFlag,
  encodeMessage,
  FLAG,
  MAX_PAYLOAD,
  type MessageType,
  PAYLOAD,
  readFields,
} from "../../src/ssm/message.ts";
import { COMMAND, encodeFrame, FrameReader } from "../../src/ssm/smux.ts";

const RESEND_AFTER = 200; // ms
const MOST_UNACKNOWLEDGED = 16_384; // messages
const MOST_UNWRITTEN = 4 * 1024 * 1024; // bytes to the port, as in smux
const LATE_BY = 20; // ms
const FRAME = 32_768; // bytes of data in a frame of smux

/** What an agent is like; changes count for the sessions that begin later. */
export interface AgentSettings {
  version: string;
  /** The key of KMS that sessions have to be encrypted with. */
  kmsKey: string | undefined;
  /** Whether it sleeps 1 ms after each message. */
  throttle: boolean;
  /** The share of messages that are lost, and that come late, each way. */
  loss: number;
  reorder: number;
  /** Milliseconds before an old agent dials the port, while the client sends already. */
  dialsAfter: number;
}

/** What a session is started with. */
export interface TwinOptions extends AgentSettings {
  readonly id: string;
  readonly target: string;
  readonly host: string;
  readonly port: number;
  /** The plaintext of a data key, where the context is right. */
  readonly decrypt: (ciphertext: string, context: Readonly<Record<string, string>>) => Buffer;
}

interface Unacknowledged {
  readonly bytes: Buffer;
  sentAt: number;
}

/** A session as its agent sees it. */
export class TwinSession {
  readonly options: TwinOptions;
  /** Why it ended; undefined while it goes on. */
  ended: "by its client" | "by the API" | "by the service" | undefined;
  clientVersion: string | undefined;
  resumed = 0;
  /** Messages that the client sent, and that it sent again. */
  received = 0;
  duplicates = 0;
  readonly #unacknowledged = new Map<number, Unacknowledged>();
  readonly #early = new Map<number, ChannelMessage>();
  readonly #answers = new Map<number, (payload: Buffer) => void>();
  readonly #outward: Buffer[] = [];
  #socket: WebSocket | undefined;
  #isPaused = true;
  #isPumping = false;
  #next = 0;
  #expected = 0;
  #port: TwinPort | undefined;
  #keys: { readonly ours: Buffer; readonly theirs: Buffer } | undefined;
  #resending: NodeJS.Timeout | undefined;
  #unwritten = 0;

  constructor(options: TwinOptions) {
    this.options = options;
  }

  /** Takes the client's next WebSocket, once its token is checked. */
  serve(socket: WebSocket): void {
    const isFirst = this.#resending === undefined;
    this.#socket = socket;
    this.#isPaused = false;
    socket.on("message", (bytes: Buffer) => this.#impaired(() => this.#receive(bytes)));
    socket.on("error", () => {});
    socket.once("close", () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#isPaused = true;
    });
    if (!isFirst) {
      this.resumed += 1;
      void this.#pump();
      return;
    }
    this.#resending = setInterval(() => this.#resend(), 100);
    void this.#begin().catch((error: Error) => this.end("by the service", error.message));
  }

  /** Tells the client to stop or to go on, and stops or goes on. */
  publish(isOn: boolean): void {
    this.#isPaused = !isOn;
    this.#transmit(encode(isOn ? "start_publication" : "pause_publication", Buffer.from("{}")));
    if (isOn) void this.#pump();
  }

  /** The agent is away: what the client sends meanwhile is lost, and so is what was on its way. */
  async restart(milliseconds: number): Promise<void> {
    const socket = this.#socket;
    this.publish(false);
    this.#socket = undefined;
    await delay(milliseconds);
    this.#socket = socket;
    this.publish(true);
  }

  /** Ends the WebSocket, not the session. */
  cut(code?: number): void {
    if (code === undefined) this.#socket?.terminate();
    else this.#socket?.close(code);
  }

  /** Ends the session, and says why where the client has not done it. */
  end(how: NonNullable<TwinSession["ended"]>, why = ""): void {
    if (this.ended !== undefined) return;
    this.ended = how;
    clearInterval(this.#resending);
    this.#port?.close();
    const closed = { SessionId: this.options.id, SchemaVersion: 1, Output: why };
    this.#transmit(encode("channel_closed", Buffer.from(JSON.stringify(closed))));
    this.#socket?.close();
  }

  async #begin(): Promise<void> {
    const { dialsAfter, host, kmsKey, port, version } = this.options;
    const action = (ActionType: string, ActionParameters: unknown) => ({
      ActionType,
      ActionParameters,
    });
    const Properties = { host, portNumber: `${port}`, type: "LocalPortForwarding" };
    const actions = [action("SessionType", { SessionType: "Port", Properties })];
    if (kmsKey !== undefined) actions.push(action("KMSEncryption", { KMSKeyId: kmsKey }));
    const request = { AgentVersion: version, RequestedClientActions: actions };
    const answer = await this.#ask(PAYLOAD.handshakeRequest, request, PAYLOAD.handshakeResponse);
    this.clientVersion = String(answer["ClientVersion"]);
    for (const done of answer["ProcessedClientActions"] as Readonly<Record<string, unknown>>[]) {
      if (done["ActionStatus"] !== 1) throw new Error(String(done["Error"]));
      if (done["ActionType"] === "KMSEncryption") await this.#encrypt(done["ActionResult"]);
    }
    this.#send(PAYLOAD.handshakeComplete, Buffer.from('{"HandshakeTimeToComplete":1}'));
    if (isMuxed(version)) this.#port = new MuxedPort(this.#portOptions());
    else {
      await delay(dialsAfter);
      this.#port = await PlainPort.open(this.#portOptions());
    }
    if (this.ended !== undefined) return this.#port.close();
    this.#advance();
  }

  async #encrypt(result: unknown): Promise<void> {
    const { id, target } = this.options;
    const { KMSCipherTextKey } = result as { readonly KMSCipherTextKey: string };
    const context = { "aws:ssm:SessionId": id, "aws:ssm:TargetId": target };
    const key = this.options.decrypt(KMSCipherTextKey, context);
    const keys = { ours: key.subarray(0, 32), theirs: key.subarray(32) };
    const secret = randomBytes(64);
    const question = { Challenge: seal(keys.ours, secret).toString("base64") };
    const answer = await this.#ask(PAYLOAD.challengeRequest, question, PAYLOAD.challengeResponse);
    const opened = unseal(keys.theirs, Buffer.from(String(answer["Challenge"]), "base64"));
    if (!opened.equals(secret)) throw new Error("Encryption challenge does not match!");
    this.#keys = keys;
  }

  async #ask(type: number, content: unknown, answerType: number) {
    const answer = new Promise<Buffer>((resolve) => this.#answers.set(answerType, resolve));
    this.#send(type, Buffer.from(JSON.stringify(content)));
    return readFields(await answer);
  }

  #portOptions(): PortOptions {
    return {
      port: this.options.port,
      send: (data) => {
        this.#outward.push(data);
        void this.#pump();
      },
      isFull: () => this.#outward.length + this.#unacknowledged.size > MOST_UNACKNOWLEDGED,
      refused: (why) => {
        if (isMuxed(this.options.version)) {
          this.#send(PAYLOAD.flag, encodeFlag(FLAG.connectToPortError));
        } else this.end("by the service", why);
      },
      write: (socket, data) => {
        this.#written(data.length);
        socket.write(data, () => this.#written(-data.length));
      },
    };
  }

  // What comes from the port waits here, is cut into messages, and has the agent's speed.
  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    for (;;) {
      if (this.#isPaused || this.#unacknowledged.size > MOST_UNACKNOWLEDGED) break;
      const first = this.#outward.shift();
      if (first === undefined) break;
      for (let at = 0; at < first.length; at += MAX_PAYLOAD) {
        this.#send(PAYLOAD.output, first.subarray(at, at + MAX_PAYLOAD));
        if (this.options.throttle) await delay(1);
      }
    }
    this.#isPumping = false;
    this.#port?.go();
  }

  #send(payloadType: number, payload: Buffer): void {
    const isSealed = payloadType === PAYLOAD.output && this.#keys !== undefined;
    const sealed = isSealed ? seal(this.#keys?.ours ?? Buffer.alloc(0), payload) : payload;
    const sequence = this.#next++;
    const flags = sequence === 0 ? 1 : 0;
    const bytes = encodeMessage({
      type: "output_stream_data",
      sequence,
      flags,
      payloadType,
      payload: sealed,
    });
    this.#unacknowledged.set(sequence, { bytes, sentAt: performance.now() });
    if (!this.#isPaused) this.#transmit(bytes);
  }

  #resend(): void {
    const [oldest] = this.#unacknowledged.values();
    if (this.#isPaused || oldest === undefined) return;
    if (performance.now() - oldest.sentAt < RESEND_AFTER) return;
    oldest.sentAt = performance.now();
    this.#transmit(oldest.bytes);
  }

  #transmit(bytes: Buffer): void {
    const socket = this.#socket;
    this.#impaired(() => {
      if (socket?.readyState === socket?.OPEN) socket?.send(bytes);
    });
  }

  #impaired(deliver: () => void): void {
    const { loss, reorder } = this.options;
    const chance = Math.random();
    if (chance < loss) return;
    if (chance < loss + reorder) setTimeout(deliver, Math.random() * LATE_BY);
    else deliver();
  }

  #receive(bytes: Buffer): void {
    const message = decodeMessage(bytes);
    if (this.#socket === undefined || this.ended !== undefined || message === undefined) return;
    if (message.type === "acknowledge") {
      const sequence = readFields(message.payload)["AcknowledgedMessageSequenceNumber"];
      this.#unacknowledged.delete(Number(sequence));
      void this.#pump();
      return;
    }
    if (message.type !== "input_stream_data") return;
    this.received += 1;
    if (message.sequence < this.#expected) this.duplicates += 1;
    if (message.sequence < this.#expected) return;
    // The client sends it again.
    if (message.sequence === this.#expected && !this.#canTake(message)) return;
    this.#transmit(encodeAcknowledgement(message));
    this.#early.set(message.sequence, message);
    this.#advance();
  }

  #advance(): void {
    let next = this.#early.get(this.#expected);
    while (next !== undefined && this.#canTake(next)) {
      this.#early.delete(this.#expected++);
      this.#process(next);
      next = this.#early.get(this.#expected);
    }
  }

  #canTake({ payloadType }: ChannelMessage): boolean {
    return payloadType !== PAYLOAD.output || this.#port !== undefined;
  }

  #process({ payload, payloadType }: ChannelMessage): void {
    if (payloadType === PAYLOAD.output) {
      const data = this.#keys === undefined ? payload : unseal(this.#keys.theirs, payload);
      this.#port?.take(data);
    } else if (payloadType === PAYLOAD.flag) {
      const flag = payload.readUInt32BE(0);
      if (flag === FLAG.terminateSession) this.end("by its client");
      if (flag === FLAG.disconnectToPort) this.#port?.disconnect();
    } else this.#answers.get(payloadType)?.(payload);
  }

  #written(bytes: number): void {
    this.#unwritten += bytes;
    if (this.#unwritten > MOST_UNWRITTEN) this.#socket?.pause();
    else if (bytes < 0) this.#socket?.resume();
  }
}

interface PortOptions {
  readonly port: number;
  readonly send: (data: Buffer) => void;
  readonly isFull: () => boolean;
  readonly refused: (why: string) => void;
  readonly write: (socket: Socket, data: Buffer) => void;
}

interface TwinPort {
  readonly take: (data: Buffer) => void;
  /** There is room again. */
  readonly go: () => void;
  readonly disconnect: () => void;
  readonly close: () => void;
}

class MuxedPort implements TwinPort {
  readonly #options: PortOptions;
  readonly #sockets = new Map<number, Socket>();
  readonly #reader: FrameReader;

  constructor(options: PortOptions) {
    this.#options = options;
    this.#reader = new FrameReader({
      onOpen: (stream) => this.#open(stream),
      onData: (stream, data) => {
        const socket = this.#sockets.get(stream);
        if (socket !== undefined) options.write(socket, data);
      },
      onEnd: (stream) => this.#sockets.get(stream)?.end(),
    });
  }

  take(data: Buffer): void {
    this.#reader.read(data);
  }

  go(): void {
    if (!this.#options.isFull()) for (const socket of this.#sockets.values()) socket.resume();
  }

  disconnect(): void {}

  close(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  #open(stream: number): void {
    const { isFull, port, refused, send } = this.#options;
    const socket = connect(port, "127.0.0.1");
    this.#sockets.set(stream, socket);
    let isOpen = false;
    socket.once("connect", () => (isOpen = true));
    socket.on("data", (data) => {
      for (let at = 0; at < data.length; at += FRAME) {
        send(encodeFrame(COMMAND.push, stream, data.subarray(at, at + FRAME)));
      }
      if (isFull()) socket.pause();
    });
    socket.on("error", (error) => {
      if (!isOpen) refused(error.message);
    });
    socket.once("close", () => {
      this.#sockets.delete(stream);
      send(encodeFrame(COMMAND.fin, stream));
    });
  }
}

class PlainPort implements TwinPort {
  readonly #options: PortOptions;
  #socket: Socket;

  private constructor(options: PortOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    this.#watch(socket);
  }

  static open(options: PortOptions): Promise<PlainPort> {
    return new Promise((resolve, reject) => {
      const socket = connect(options.port, "127.0.0.1");
      socket.once("error", (error) =>
        reject(new Error(`Unable to connect to specified port: ${error.message}`)),
      );
      socket.once("connect", () => resolve(new PlainPort(options, socket)));
    });
  }

  take(data: Buffer): void {
    if (this.#socket.destroyed) {
      this.#socket = connect(this.#options.port, "127.0.0.1");
      this.#watch(this.#socket);
    }
    this.#options.write(this.#socket, data);
  }

  go(): void {
    if (!this.#options.isFull()) this.#socket.resume();
  }

  disconnect(): void {
    this.#socket.destroy();
  }

  close(): void {
    this.#socket.destroy();
  }

  #watch(socket: Socket): void {
    const { isFull, send } = this.#options;
    socket.on("error", () => {});
    socket.on("data", (data) => {
      send(data);
      if (isFull()) socket.pause();
    });
  }
}

function encode(type: MessageType, payload: Buffer): Buffer {
  return encodeMessage({ type, sequence: 0, payload });
}

// The agent's versions have numbers only.
function isMuxed(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  return major > 3 || (major === 3 && (minor > 0 || patch > 196));
}

function seal(key: Buffer, plaintext: Buffer): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function unseal(key: Buffer, sealed: Buffer): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12));
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
}
