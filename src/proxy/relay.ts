// Copies bytes both ways between an authenticated frontend and its backend, and never looks at them.
// The first chunk of an event-loop turn leaves at once; what follows in the same turn leaves as one write, because
// TLS hands out 16 KiB records and a write for each would cost a third of a bulk copy.
import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { countPassed } from "./garbage.ts";

const MAX_UNSENT = 1024 * 1024; // bytes buffered towards a slow reader before its source is paused
const KEEPALIVE_DELAY = 30_000; // ms
const LINGER = 2_000; // ms that a peer gets to close after the other side has ended and all bytes are out

/** The two sockets of a session with what was read from each and not passed on yet. */
export interface RelayEnds {
  readonly frontend: Socket;
  readonly backend: Socket;
  readonly fromFrontend: Buffer;
  readonly fromBackend: Buffer;
}

/** Relays until both sockets are closed. */
export async function relay(ends: RelayEnds): Promise<void> {
  const { frontend, backend } = ends;
  for (const socket of [frontend, backend]) {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEPALIVE_DELAY);
  }
  const closed = Promise.all([untilClosed(frontend), untilClosed(backend)]);
  copy(frontend, backend, ends.fromFrontend);
  copy(backend, frontend, ends.fromBackend);
  await closed;
}

function copy(source: Socket, target: Socket, first: Buffer): void {
  let corked = false;
  const uncork = (): void => {
    corked = false;
    target.uncork();
  };
  const write = (chunk: Buffer): void => {
    target.write(chunk);
    countPassed(chunk.length);
    if (!corked) {
      corked = true;
      target.cork();
      setImmediate(uncork);
    }
    if (target.writableLength >= MAX_UNSENT) source.pause();
  };
  if (first.length > 0) write(first);
  source.on("data", write);
  target.on("drain", () => source.resume());
  source.once("end", () => finish(target));
  source.once("error", () => finish(target));
  source.once("close", () => finish(target));
  if (source.destroyed || source.readableEnded) finish(target);
  if (target.writableLength < MAX_UNSENT) source.resume();
}

// All that was written still leaves, then FIN; a peer that does not close in answer is closed.
function finish(target: Socket): void {
  if (target.destroyed || target.writableEnded) return;
  target.end(() => {
    const timer = setTimeout(() => target.destroy(), LINGER);
    target.once("close", () => clearTimeout(timer));
  });
}

function untilClosed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve();
    socket.once("close", () => resolve());
  });
}
