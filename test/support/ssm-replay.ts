// The agent's side of a recorded conversation of AWS's plugin: what the agent sent then is sent again, each message when the client
// has come as far as the plugin had.
import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { SessionCipher } from "../../src/ssm/cipher.ts";
import {
  type ChannelMessage,
  decodeMessage,
  encodeAcknowledgement,
  PAYLOAD,
  readFields,
} from "../../src/ssm/message.ts";
import { FrameReader } from "../../src/ssm/smux.ts";
import type { Conversation } from "./ssm-recorded.ts";

const LAST_WITHOUT_SMUX = "3.0.196.0";
const NORMAL = 1_000; // the WebSocket's code when the service says "Bye"

/** A replay that runs. */
export interface Replay extends AsyncDisposable {
  readonly url: string;
  /** The tokens that the client opened WebSockets with. */
  readonly tokens: string[];
  /** What it has sent: the connections that it opened and ended, and their data in hexadecimal. */
  readonly said: () => string;
}

/** What the plugin sent in a conversation. */
export function pluginSaid(conversation: Conversation): string {
  const speech = new Speech(conversation);
  for (const { from, message } of conversation.frames) if (from === "client") speech.add(message);
  return speech.text;
}

/** Starts a replay on loopback. */
export async function startReplay(conversation: Conversation): Promise<Replay> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const player = new Player(conversation);
  server.on("connection", (socket) => player.serve(socket));
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tokens: player.tokens,
    said: () => player.client.text,
    [Symbol.asyncDispose]: async () => {
      for (const socket of server.clients) socket.terminate();
      server.close();
    },
  };
}

// What a client has said so far, whatever it was cut into.
class Speech {
  readonly #seen = new Set<number>();
  readonly #cipher: SessionCipher | undefined;
  readonly #reader: FrameReader | undefined;
  #said = "";
  #speaking = -1;
  /** Bytes of data, and everything else that was said. */
  progress = 0;

  constructor({ frames, plaintext }: Conversation) {
    // The agent decrypts with the half that its client encrypts with.
    const swapped = Buffer.concat([plaintext.subarray(32), plaintext.subarray(0, 32)]);
    if (plaintext.length > 0) this.#cipher = new SessionCipher(swapped);
    const request = readFields(frames[0]?.message.payload ?? Buffer.alloc(0));
    if (request["AgentVersion"] === LAST_WITHOUT_SMUX) return;
    this.#reader = new FrameReader({
      onOpen: (stream) => this.#say(stream, "opened"),
      onData: (stream, data) => this.#say(stream, data),
      onEnd: (stream) => this.#say(stream, "ended"),
    });
  }

  get text(): string {
    return this.#said;
  }

  add({ payload, payloadType, sequence, type }: ChannelMessage): void {
    if (type !== "input_stream_data" || this.#seen.has(sequence)) return;
    this.#seen.add(sequence);
    if (payloadType !== PAYLOAD.output) {
      this.progress += 1;
      return;
    }
    const data = this.#cipher?.decrypt(payload) ?? payload;
    if (this.#reader === undefined) this.#say(0, data);
    else this.#reader.read(data);
  }

  #say(stream: number, what: Buffer | string): void {
    const isData = typeof what !== "string";
    if (!isData || this.#speaking !== stream) this.#said += `\n${stream} `;
    this.#said += isData ? what.toString("hex") : what;
    this.#speaking = isData ? stream : -1;
    this.progress += isData ? what.length : 1;
  }
}

class Player {
  readonly client: Speech;
  readonly tokens: string[] = [];
  readonly #conversation: Conversation;
  readonly #plugin: Speech;
  #next = 0;
  #socket: WebSocket | undefined;

  constructor(conversation: Conversation) {
    this.#conversation = conversation;
    this.client = new Speech(conversation);
    this.#plugin = new Speech(conversation);
  }

  serve(socket: WebSocket): void {
    this.#socket = socket;
    socket.on("message", (data: Buffer, isBinary) => {
      if (isBinary) this.#hear(data);
      else this.tokens.push(String((JSON.parse(data.toString()) as OpeningFrame).TokenValue));
      this.#play();
    });
  }

  #hear(bytes: Buffer): void {
    const message = decodeMessage(bytes);
    if (message?.type !== "input_stream_data") return;
    this.client.add(message);
    // The recorded ones are for the plugin's own messages.
    this.#socket?.send(encodeAcknowledgement(message));
  }

  #play(): void {
    const { lines } = this.#conversation;
    for (let line = lines[this.#next]; line !== undefined; line = lines[++this.#next]) {
      if (line.text !== undefined && this.tokens.length < this.#openings(this.#next)) {
        if (this.client.progress >= this.#plugin.progress) this.#socket?.close(NORMAL, "Bye");
        return;
      }
      const bytes = Buffer.from(line.frame ?? "", "base64");
      const message = decodeMessage(bytes);
      if (message === undefined) continue;
      if (line.from === "client") this.#plugin.add(message);
      else if (message.type !== "acknowledge") {
        // The plugin heeds no pause: it has said more by then.
        const isAwaited = message.type === "start_publication";
        if (!isAwaited && this.client.progress < this.#plugin.progress) return;
        this.#socket?.send(bytes);
      }
    }
  }

  #openings(upTo: number): number {
    const { lines } = this.#conversation;
    return lines.slice(0, upTo + 1).filter(({ text }) => text !== undefined).length;
  }
}

interface OpeningFrame {
  readonly TokenValue: unknown;
}
