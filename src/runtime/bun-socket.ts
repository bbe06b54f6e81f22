// What Bun's sockets need, up to Bun 1.4 at least: writing past the streams of node:net.
// https://bun.com/docs/runtime/networking/tcp
import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import process from "node:process";
import type { Duplex } from "node:stream";

const IS_BUN = "bun" in process.versions;

interface WithHandle {
  readonly _handle?: { readonly write?: (chunk: Buffer) => number } | null;
}

// What the kernel takes at once, which is nearly all, costs no more than the system call: a third less processor time for small
// queries, and a fifth for copies, than through the stream (pgbench -S and COPY, Bun 1.4). The handle is Bun's own TCPSocket or
// TLSSocket; where there is none, the stream does it.
/** Writes what can be written at once; answers what is left for the stream, undefined when nothing is. */
export function writeAtOnce(target: Socket, chunk: Buffer): Buffer | undefined {
  // What the stream holds comes first.
  if (!IS_BUN || target.writableLength > 0) return chunk;
  const written = (target as WithHandle)._handle?.write?.(chunk) ?? 0;
  if (written >= chunk.length) return undefined;
  return written > 0 ? chunk.subarray(written) : chunk;
}

// Bun's TLS over another stream (a tunnel) hands everything to that stream at once and reports it as sent, so what waits there
// has to be counted too: otherwise a COPY through a relay is held in memory whole.
const carriers = new WeakMap<Duplex, Duplex>();

/** Remembers what carries a TLS socket. */
export function rememberCarrier(secured: Duplex, carrier: Duplex): void {
  if (IS_BUN) carriers.set(secured, carrier);
}

/** Bytes that a socket, or what carries it, has not sent yet. */
export function unsent(socket: Socket): number {
  return socket.writableLength + (carriers.get(socket)?.writableLength ?? 0);
}

/** Calls back whenever a socket, or what carries it, can take more. */
export function onDrain(socket: Socket, listener: () => void): void {
  socket.on("drain", listener);
  carriers.get(socket)?.on("drain", listener);
}
