// A server that is not RDS: it answers the SSLRequest as a test says, then asks whoever came for the auth token, and
// keeps every byte that it gets, before and after decryption.
import { Buffer } from "node:buffer";
import { createServer, type Socket } from "node:net";
import * as tls from "node:tls";
import { listen, type Running } from "./listen.ts";

const SSL_REQUEST_LENGTH = 8;
const ASK_CLEARTEXT = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);
const AUTHENTICATION_OK = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]);
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const PASSWORD_MESSAGE = 0x70;

/** What the server does. */
export interface FakeRdsOptions {
  /** The bytes after the SSLRequest. */
  readonly answer: Buffer | string;
  /** Bytes that follow them in a segment of their own, where TLS is awaited. */
  readonly afterwards?: Buffer | string | undefined;
  /** TLS after the answer. */
  readonly tls?: tls.TlsOptions | undefined;
}

/** The server while it runs. */
export interface FakeRds extends Running {
  readonly connections: () => number;
  /** TLS connections that were brought up, as this side sees it. */
  readonly secured: () => number;
  /** Everything that arrived: the bytes on the wire and what TLS carried. */
  readonly received: () => string;
}

/** Starts the server on a free loopback port. */
export async function startFakeRds(options: FakeRdsOptions): Promise<FakeRds> {
  const received: Buffer[] = [];
  let [connections, secured] = [0, 0];
  const tlsServer =
    options.tls &&
    tls.createServer(options.tls, (stream) => {
      secured += 1;
      stream.on("error", () => {});
      askForToken(stream, received);
    });
  const server = createServer((socket) => {
    connections += 1;
    void awaitSslRequest(socket, received).then(() => {
      socket.write(options.answer);
      if (options.afterwards !== undefined) socket.write(options.afterwards);
      if (tlsServer === undefined) socket.on("data", (chunk) => received.push(chunk));
      tlsServer?.emit("connection", socket);
    });
  });
  return {
    ...(await listen(server)),
    connections: () => connections,
    secured: () => secured,
    received: () => Buffer.concat(received).toString("latin1"),
  };
}

// Resolves with the socket paused and nothing read beyond the request, so that TLS can take over.
function awaitSslRequest(socket: Socket, received: Buffer[]): Promise<void> {
  return new Promise((resolve) => {
    const onReadable = (): void => {
      const request: Buffer | null = socket.read(SSL_REQUEST_LENGTH);
      if (request === null) return;
      received.push(request);
      socket.off("readable", onReadable);
      resolve();
    };
    socket.on("readable", onReadable);
  });
}

// As eager as an impostor: the question goes out before anything was said, and any answer is right.
function askForToken(stream: tls.TLSSocket, received: Buffer[]): void {
  stream.write(ASK_CLEARTEXT);
  stream.on("data", (chunk: Buffer) => {
    received.push(chunk);
    if (chunk[0] === PASSWORD_MESSAGE) stream.write(Buffer.concat([AUTHENTICATION_OK, READY]));
    // Terminate ('X'), or a Query that is not worth an answer: the tool is not kept waiting.
    else if (chunk[0] === 0x58 || chunk[0] === 0x51) stream.end();
  });
}

/** An ErrorResponse with one text in it. */
export function errorResponse(text: string): Buffer {
  const body = Buffer.from(`SFATAL\0VFATAL\0C28000\0M${text}\0\0`);
  const head = Buffer.from([0x45, 0, 0, 0, 0]);
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
