// An LDAP server that knows one request, the simple bind, and answers it from a function that judges a password.
// With `hostssl ... ldap` a real PostgreSQL asks for a cleartext password over TLS as RDS does, and has it checked here,
// so that every program of a benchmark faces the very same server with nothing in between.
// https://www.rfc-editor.org/rfc/rfc4511#section-4.2
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const OCTET_STRING = 0x04;
const BIND_REQUEST = 0x60; // [APPLICATION 0]
const BIND_RESPONSE = 0x61; // [APPLICATION 1]
const SIMPLE = 0x80; // [0] of the AuthenticationChoice
const SUCCESS = 0;
const INVALID_CREDENTIALS = 49;

/** A running LDAP server. */
export interface Ldap extends AsyncDisposable {
  readonly port: number;
}

/** Judges the password of a name. */
export type Judge = (name: string, password: string) => boolean;

/** An element of the Basic Encoding Rules. */
export interface Element {
  readonly tag: number;
  readonly content: Buffer;
  /** Its whole length, with tag and length. */
  readonly size: number;
}

/** Starts the server on a loopback port that the system picks. */
export async function startLdap(judge: Judge): Promise<Ldap> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serve(socket, judge);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: close };
}

function serve(socket: Socket, judge: Judge): void {
  let pending = Buffer.alloc(0);
  // A server process that was ended in the middle of a login is no concern of ours.
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    for (let message = readElement(pending); message; message = readElement(pending)) {
      pending = pending.subarray(message.size);
      const answer = answerTo(message.content, judge);
      if (answer === undefined) return void socket.end();
      socket.write(answer);
    }
  });
}

// Undefined for an UnbindRequest and for everything that is no simple bind: the connection ends.
function answerTo(message: Buffer, judge: Judge): Buffer | undefined {
  const [id, request] = readElements(message);
  if (id === undefined || request?.tag !== BIND_REQUEST) return undefined;
  const [, name, password] = readElements(request.content);
  if (name === undefined || password?.tag !== SIMPLE) return undefined;
  const isRight = judge(name.content.toString(), password.content.toString());
  const result = Buffer.from([0x0a, 1, isRight ? SUCCESS : INVALID_CREDENTIALS]);
  const none = Buffer.from([OCTET_STRING, 0]);
  const response = element(BIND_RESPONSE, Buffer.concat([result, none, none]));
  return element(SEQUENCE, Buffer.concat([element(INTEGER, id.content), response]));
}

function readElements(bytes: Buffer): readonly Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const next = readElement(bytes.subarray(at));
    if (next === undefined) break;
    elements.push(next);
    at += next.size;
  }
  return elements;
}

/** The first element, as LDAP restricts them: one byte of tag, a definite length. Undefined while bytes are missing. */
export function readElement(bytes: Buffer): Element | undefined {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) return undefined;
  const more = first < 0x80 ? 0 : first - 0x80;
  if (bytes.length < 2 + more) return undefined;
  const length = more === 0 ? first : bytes.readUIntBE(2, more);
  const size = 2 + more + length;
  if (bytes.length < size) return undefined;
  return { tag, content: bytes.subarray(2 + more, size), size };
}

// What is answered is shorter than 128 bytes.
function element(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag, content.length]), content]);
}
