// A port forwarding session and the connections that it carries: several with an agent that speaks smux, else one in its life.
// smux has no flow control in version 1, and the data channel none for what it receives: when too much is not read yet, nothing
// more is read from the WebSocket.
// https://github.com/aws/session-manager-plugin/blob/mainline/src/sessionmanagerplugin/session/portsession/muxportforwarding.go

import type { Buffer } from "node:buffer";
import process from "node:process";
import { Duplex } from "node:stream";
import { type ChannelOptions, DataChannel } from "./channel.ts";
import { isAbove } from "./handshake.ts";
import { FLAG, MAX_PAYLOAD } from "./message.ts";
import { COMMAND, encodeFrame, FrameReader, HEADER } from "./smux.ts";

const LAST_WITHOUT_SMUX = "3.0.196.0";
const LAST_WITH_KEEP_ALIVE = "3.1.1511.0"; // a later one would never see the session idle
const KEEP_ALIVE_INTERVAL = 10_000; // ms
const MOST_SILENCE = 300_000; // ms, after which the plugin gives a session up too
const MOST_UNREAD = 2 * 1024 * 1024; // bytes of all connections of a session

/** A session as StartSession has opened it. */
export interface StartedSession {
  readonly response: {
    readonly SessionId: string;
    /** A secret. */
    readonly TokenValue: string;
    readonly StreamUrl: string;
  };
  /** The parameters of the request. */
  readonly request: Readonly<Record<string, unknown>>;
  readonly region: string;
  readonly profile: string | undefined;
  /** The URL of the API. */
  readonly endpoint: string;
  /** The instance that it is on. */
  readonly target: string;
}

/** What a session needs of AWS. */
export interface SessionOptions extends Pick<
  ChannelOptions,
  "token" | "connect" | "resume" | "end" | "makeDataKey"
> {
  /** The error of a connection that broke, from the reason, and from whether anything had come through it. */
  readonly failed: (reason: Error, isOpen: boolean) => Error;
}

/** An open session. */
export class PortSession {
  /** Resolves with the reason when the session is over, undefined after close(). */
  readonly over: Promise<Error | undefined>;
  readonly #failed: SessionOptions["failed"];
  readonly #streams = new Map<number, ForwardedStream>();
  readonly #keepAlive: NodeJS.Timeout;
  readonly #reader = new FrameReader({
    onData: (stream, data) => this.#streams.get(stream)?.receive(data),
    onEnd: (stream) => this.#streams.get(stream)?.receive(null),
  });
  #channel: DataChannel | undefined;
  #settle: (error: Error | undefined) => void = () => {};
  #lastStream = 1;
  #isOver = false;

  private constructor(failed: SessionOptions["failed"]) {
    this.#failed = failed;
    this.over = new Promise((resolve) => (this.#settle = resolve));
    this.#keepAlive = setInterval(() => this.#beat(), KEEP_ALIVE_INTERVAL);
    this.#keepAlive.unref();
  }

  /** Opens the data channel of a session; rejects with why not, as a sentence, or with the signal's reason. */
  static async open(options: SessionOptions, signal: AbortSignal): Promise<PortSession> {
    const session = new PortSession(options.failed);
    try {
      session.#channel = await DataChannel.open(
        {
          ...options,
          onData: (data) => session.#read(data),
          onFlag: (flag) => session.#flag(flag),
          onEnd: (error) => session.#end(error),
        },
        signal,
      );
      return session;
    } catch (error) {
      session.#end(error as Error);
      throw error;
    }
  }

  /** What the agent is, for --verbose. */
  get description(): string {
    const kind = this.isShared ? "several connections" : "one connection";
    const encrypted = this.#channel?.isEncrypted ? ", encrypted with AWS KMS" : "";
    return `agent ${this.#agentVersion}, ${kind} in a session${encrypted}`;
  }

  /** Whether it carries several connections. */
  get isShared(): boolean {
    return isAbove(this.#agentVersion, LAST_WITHOUT_SMUX);
  }

  /** How many connections it carries. */
  get load(): number {
    return this.#streams.size;
  }

  /** Whether another connection can be opened. */
  get isFree(): boolean {
    return !this.#isOver && (this.isShared || this.#lastStream === 1);
  }

  /** Opens a connection. The agent tells nobody that it could connect; that it could not is the stream's error. */
  connect(): ForwardedStream {
    const id = (this.#lastStream += 2);
    const stream = new ForwardedStream({
      write: (data, sent) => this.#channel?.send(this.#framed(COMMAND.push, id, data), sent),
      most: this.isShared ? MAX_PAYLOAD - HEADER : MAX_PAYLOAD,
      end: () => this.#endStream(id),
      read: () => this.#regulate(),
      failed: this.#failed,
    });
    this.#streams.set(id, stream);
    if (this.isShared) this.#channel?.send(encodeFrame(COMMAND.syn, id));
    stream.once("close", () => {
      this.#streams.delete(id);
      this.#regulate();
    });
    return stream;
  }

  /** Ends it, with its connections. */
  async close(): Promise<void> {
    await this.#channel?.close();
    this.#end(undefined);
  }

  get #agentVersion(): string {
    return this.#channel?.agentVersion ?? "";
  }

  #framed(command: number, stream: number, data: Buffer): Buffer {
    return this.isShared ? encodeFrame(command, stream, data) : data;
  }

  // What is written after the end of a connection goes nowhere, and an old agent has no word for it but the session's end.
  #endStream(id: number): void {
    if (this.isShared) this.#channel?.send(encodeFrame(COMMAND.fin, id));
    else void this.close();
  }

  #read(data: Buffer): void {
    if (this.isShared) this.#reader.read(data);
    else for (const stream of this.#streams.values()) stream.receive(data);
    this.#regulate();
  }

  // It does not say which connection it is about: one of those that nothing has come from.
  #flag(flag: number): void {
    if (flag !== FLAG.connectToPortError) return;
    const reason = new Error("The agent could not connect to it.");
    for (const stream of this.#streams.values()) if (!stream.hasRead) stream.fail(reason);
  }

  #regulate(): void {
    let unread = 0;
    for (const stream of this.#streams.values()) unread += stream.readableLength;
    if (unread > MOST_UNREAD) this.#channel?.hold();
    else this.#channel?.go();
  }

  #beat(): void {
    const channel = this.#channel;
    if (channel === undefined || !this.isShared) return;
    const silence = channel.silence();
    const isSilent = silence > KEEP_ALIVE_INTERVAL;
    // A living agent acknowledges it.
    if (isSilent || !isAbove(this.#agentVersion, LAST_WITH_KEEP_ALIVE)) {
      channel.sendNow(encodeFrame(COMMAND.nop, 0));
    }
    if (silence < MOST_SILENCE) return;
    void channel.close();
    this.#end(new Error(`The agent has acknowledged nothing for ${silence / 1_000} seconds.`));
  }

  #end(error: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#keepAlive);
    for (const stream of this.#streams.values()) stream.fail(error);
    this.#settle(error);
  }
}

interface ForwardedOptions {
  /** Sends at most `most` bytes. */
  readonly write: (data: Buffer, sent: () => void) => void;
  readonly most: number;
  readonly end: () => void;
  /** Something was read. */
  readonly read: () => void;
  readonly failed: SessionOptions["failed"];
}

/** A connection through a session. */
export class ForwardedStream extends Duplex {
  /** Whether something has come. */
  hasRead = false;
  readonly #options: ForwardedOptions;
  #hasEnded = false;

  constructor(options: ForwardedOptions) {
    super({ allowHalfOpen: true });
    this.#options = options;
  }

  /** Takes what the agent sends; null is its end. */
  receive(data: Buffer | null): void {
    this.hasRead ||= data !== null;
    if (!this.destroyed && !this.readableEnded) this.push(data);
  }

  /** The session is over, or could not connect. */
  fail(reason: Error | undefined): void {
    this.#hasEnded = true;
    this.destroy(reason && this.#options.failed(reason, this.hasRead));
  }

  // Node asks for more before it takes what is there away, and does not ask again.
  override _read(): void {
    process.nextTick(this.#options.read);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const { most, write } = this.#options;
    if (chunk.length === 0) return done();
    let at = 0;
    while (chunk.length - at > most) write(chunk.subarray(at, (at += most)), () => {});
    write(chunk.subarray(at), done);
  }

  override _final(done: () => void): void {
    this.#end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#end();
    done(error);
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#options.end();
  }
}
