// An ssh agent with one key, which is made here, is never written down, and ends with this process.
// https://datatracker.ietf.org/doc/html/draft-ietf-sshm-ssh-agent, https://www.rfc-editor.org/rfc/rfc8709

import { Buffer } from "node:buffer";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";

const ALGORITHM = "ssh-ed25519";
const KEY_LENGTH = 32; // bytes at the end of its SubjectPublicKeyInfo
const MAX_MESSAGE = 256 * 1024; // bytes, as OpenSSH's own agent has it

const FAILURE = 5;
const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;

/** A key pair for ssh; the private key never leaves it. */
export class SshKey {
  readonly #privateKey: KeyObject;
  /** As ssh has it on the wire. */
  readonly blob: Buffer;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const spki = publicKey.export({ type: "spki", format: "der" });
    this.#privateKey = privateKey;
    this.blob = packStrings(ALGORITHM, spki.subarray(-KEY_LENGTH));
  }

  /** A line of authorized_keys. */
  get publicKey(): string {
    return `${ALGORITHM} ${this.blob.toString("base64")} rdsiam`;
  }

  /** Signs what ssh asks for. */
  sign(data: Buffer): Buffer {
    return packStrings(ALGORITHM, sign(null, data, this.#privateKey));
  }
}

/** Makes an agent; `onAsked` is awaited each time before the key is shown, and without it none is. */
export function sshAgent(key: SshKey, onAsked: () => Promise<void>): Server {
  return createServer((socket) => {
    let received = Buffer.alloc(0);
    // One answer after the other.
    let answering = Promise.resolve();
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      for (;;) {
        const length = received.length < 4 ? 0 : received.readUInt32BE(0);
        if (length > MAX_MESSAGE) return socket.destroy();
        if (length === 0 || received.length < 4 + length) return;
        const message = received.subarray(4, 4 + length);
        received = received.subarray(4 + length);
        answering = answering.then(() => reply(socket, message, { key, onAsked }));
      }
    });
  });
}

async function reply(
  socket: Socket,
  message: Buffer,
  { key, onAsked }: { readonly key: SshKey; readonly onAsked: () => Promise<void> },
): Promise<void> {
  const body = await answer(message, key, onAsked).catch(() => Buffer.from([FAILURE]));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  socket.write(Buffer.concat([head, body]));
}

async function answer(message: Buffer, key: SshKey, onAsked: () => Promise<void>): Promise<Buffer> {
  if (message[0] === REQUEST_IDENTITIES) {
    await onAsked();
    const count = Buffer.from([IDENTITIES_ANSWER, 0, 0, 0, 1]);
    return Buffer.concat([count, packStrings(key.blob, "rdsiam")]);
  }
  if (message[0] === SIGN_REQUEST) {
    const [blob, data] = unpackStrings(message.subarray(1), 2);
    if (data !== undefined && blob?.equals(key.blob)) {
      return Buffer.concat([Buffer.from([SIGN_RESPONSE]), packStrings(key.sign(data))]);
    }
  }
  return Buffer.from([FAILURE]);
}

// Each with its length before it. https://www.rfc-editor.org/rfc/rfc4251#section-5
function packStrings(...strings: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(
    strings.flatMap((each) => {
      const bytes = Buffer.from(each);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}

function unpackStrings(bytes: Buffer, count: number): Buffer[] {
  const strings: Buffer[] = [];
  let at = 0;
  while (strings.length < count && at + 4 <= bytes.length) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    strings.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return strings;
}
