// A frontend that sends exactly the bytes that a test wants, with its own SCRAM client (written from RFC 5802).
import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { connect, type Socket } from "node:net";

/** A message as it came from the proxy. */
export interface Received {
  readonly type: string;
  readonly body: Buffer;
}

/** How far a SCRAM exchange came. */
export interface Proven {
  /** The server-first-message; empty where none came. */
  readonly asked: string;
  /** What follows client-final, or came in place of what was expected. */
  readonly final: Received | undefined;
}

/** A raw connection to the proxy. */
export class RawFrontend {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  #bytes = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => {};

  /** Connects to a port of this machine, or takes a connection over. */
  constructor(to: number | Socket) {
    this.socket =
      typeof to === "number" ? connect({ host: "127.0.0.1", port: to, noDelay: true }) : to;
    this.closed = new Promise((resolve) => this.socket.once("close", () => resolve()));
    this.socket.on("data", (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    this.socket.on("error", () => {});
    for (const event of ["end", "close"]) this.socket.on(event, () => this.#finish());
  }

  #finish(): void {
    this.#ended = true;
    this.#wake();
  }

  send(...parts: readonly (Buffer | string)[]): void {
    this.socket.write(
      Buffer.concat(
        parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part)),
      ),
    );
  }

  /** The next `count` bytes, or what came before the end. */
  async bytes(count: number): Promise<Buffer> {
    while (this.#bytes.length < count && !this.#ended)
      await new Promise<void>((resolve) => (this.#wake = resolve));
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(taken.length);
    return taken;
  }

  /** Everything up to the end of the connection. */
  rest(): Promise<Buffer> {
    return this.bytes(Number.MAX_SAFE_INTEGER);
  }

  /** The next message; undefined when the connection ended before all of it had come. */
  async message(): Promise<Received | undefined> {
    const head = await this.bytes(5);
    if (head.length < 5) return undefined;
    const length = head.readInt32BE(1) - 4;
    const body = await this.bytes(length);
    return body.length < length ? undefined : { type: head.toString("latin1", 0, 1), body };
  }

  /** Messages up to and with the first of a type in `until`, or the end. */
  async messages(until: string): Promise<Received[]> {
    const all: Received[] = [];
    for (;;) {
      const message = await this.message();
      if (message === undefined) return all;
      all.push(message);
      if (until.includes(message.type)) return all;
    }
  }

  /** Answers AuthenticationSASL with the secret; resolves with the message that follows client-final. */
  async prove(secret: string): Promise<Received | undefined> {
    return (await this.proveAs(secret, "n=,r=rOprNGfwEbeRWgbNEkqO")).final;
  }

  /** The same with another client-first-message-bare; resolves with the server-first-message too. */
  async proveAs(secret: string, first: string): Promise<Proven> {
    const offer = await this.message();
    if (offer?.type !== "R" || offer.body.readInt32BE(0) !== 10) return { final: offer, asked: "" };
    this.send(
      password(
        Buffer.concat([
          Buffer.from("SCRAM-SHA-256\0"),
          int32(first.length + 3),
          Buffer.from(`n,,${first}`),
        ]),
      ),
    );
    const challenge = await this.message();
    if (challenge?.type !== "R" || challenge.body.readInt32BE(0) !== 11)
      return { final: challenge, asked: "" };
    const asked = challenge.body.toString("latin1", 4);
    this.send(password(Buffer.from(clientFinal(secret, first, asked))));
    return { final: await this.message(), asked };
  }
}

/** A client-final-message for a server-first-message. */
export function clientFinal(secret: string, first: string, serverFirst: string): string {
  const nonce = /^r=([^,]+)/.exec(serverFirst)?.[1] ?? "";
  return proven({ secret, first, serverFirst }, `c=biws,r=${nonce}`);
}

/** client-final-message-without-proof, followed by the proof that belongs to it. */
export function proven(
  exchange: { readonly secret: string; readonly first: string; readonly serverFirst: string },
  bare: string,
): string {
  const { secret, first, serverFirst } = exchange;
  const [, salt = "", iterations = ""] = /,s=([^,]+),i=(\d+)$/.exec(serverFirst) ?? [];
  const clientKey = clientKeyOf(secret, salt, Number(iterations));
  const storedKey = createHash("sha256").update(clientKey).digest();
  const signature = createHmac("sha256", storedKey)
    .update(`${first},${serverFirst},${bare}`)
    .digest();
  return `${bare},p=${Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0))).toString("base64")}`;
}

const clientKeys = new Map<string, Buffer>();

// Kept, because the iterations take a millisecond and a proxy has one salt for all its logins.
function clientKeyOf(secret: string, salt: string, iterations: number): Buffer {
  const name = `${salt} ${iterations} ${secret}`;
  const known = clientKeys.get(name);
  if (known !== undefined) return known;
  const salted = pbkdf2Sync(secret, Buffer.from(salt, "base64"), iterations, 32, "sha256");
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  clientKeys.set(name, clientKey);
  return clientKey;
}

/** Int32 in network byte order. */
export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** A message of type `p`. */
export function password(body: Buffer): Buffer {
  return Buffer.concat([Buffer.from("p"), int32(body.length + 4), body]);
}

/** A packet without type byte. */
export function packet(...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([int32(body.length + 4), body]);
}

/** A StartupMessage; version 196608 is 3.0. */
export function startup(parameters: Readonly<Record<string, string>>, version = 196_608): Buffer {
  const text = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`);
  return packet(int32(version), Buffer.from(`${text.join("")}\0`, "latin1"));
}

/** The fields of an ErrorResponse. */
export function errorFields(message: Received | undefined): Record<string, string> {
  if (message?.type !== "E") return { type: message?.type ?? "none" };
  const fields = message.body
    .toString("utf8")
    .split("\0")
    .filter((field) => field !== "");
  return Object.fromEntries(fields.map((field) => [field.charAt(0), field.slice(1)]));
}
