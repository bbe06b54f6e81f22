// Copies bytes both ways between an authenticated frontend and its backend, and never looks at them; a filter may.
// Small chunks leave at once, and so does the first large one of an event-loop turn; what follows that leaves as one write:
// TLS hands out 16 KiB records and a write for each would cost a third of a bulk copy.
// How the two sockets end: what one side has sent still reaches the other, then FIN, then nothing is held. A side that has ended
// may be waiting for answers (FIN), or be gone for good (RST, or destroyed by us); a FIN alone does not say which.
// https://www.rfc-editor.org/rfc/rfc9293#section-3.6
import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { onDrain, unsent, writeAtOnce } from "../runtime/bun-socket.ts";
import { countPassed } from "../runtime/garbage.ts";

const MAX_UNSENT = 1024 * 1024; // bytes buffered towards a slow reader before its source is paused
const MAX_GLIMPSED = 8 * 1024 * 1024; // bytes buffered in all; the kernel holds at most 6 MiB before a FIN (tcp_rmem)
const SMALL = 4096; // bytes; a chunk of a copy has 8 to 16 KiB, and to wait for more after an answer costs a tenth of a small query
const GLIMPSE_INTERVAL = 250; // ms; one chunk each, of 64 KiB
const KEEPALIVE_DELAY = 30_000; // ms
const LINGER = 2_000; // ms that a peer gets to act on a FIN
const STUCK = 5; // times LINGER that bytes of a tool that has ended may wait for a server that takes none

/** The bytes that were passed on; counted up as long as the sessions go. */
export interface Traffic {
  frontendBytes: number;
  backendBytes: number;
}

/** What a direction's bytes go through on the way. */
export interface Filter {
  /** What goes on of the bytes that have arrived. */
  readonly pass: (chunk: Buffer) => readonly Buffer[];
  /** What goes on at the end; called when the source has ended. */
  readonly rest: () => Buffer;
}

/** The two sockets of a session with what was read from each and not passed on yet. */
export interface SessionSockets {
  readonly frontend: Socket;
  readonly backend: Socket;
  readonly fromFrontend: Buffer;
  readonly fromBackend: Buffer;
  /** Counted up, where it is given. */
  readonly traffic?: Traffic | undefined;
  readonly filters?: { readonly fromFrontend: Filter; readonly fromBackend: Filter } | undefined;
}

/** Copies until both sockets are closed. Not an async function: that would hold the first bytes until then. */
export function copy(ends: SessionSockets): Promise<void> {
  const { frontend, backend, filters, traffic = { frontendBytes: 0, backendBytes: 0 } } = ends;
  for (const socket of [frontend, backend]) {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEPALIVE_DELAY);
  }
  glimpse(frontend, backend);
  // The server's greeting first: a filter counts what is answered.
  copyOneWay(backend, frontend, ends.fromBackend, {
    count: (bytes) => (traffic.backendBytes += bytes),
    filter: filters?.fromBackend,
  });
  copyOneWay(frontend, backend, ends.fromFrontend, {
    count: (bytes) => (traffic.frontendBytes += bytes),
    filter: filters?.fromFrontend,
  });
  endBackendAfter(frontend, backend);
  endFrontendAfter(backend, frontend);
  return new Promise((resolve) => untilClosed(frontend, () => untilClosed(backend, resolve)));
}

function copyOneWay(
  source: Socket,
  target: Socket,
  first: Buffer,
  { count, filter }: { count: (bytes: number) => void; filter: Filter | undefined },
): void {
  let corked = false;
  const uncork = (): void => {
    corked = false;
    target.uncork();
  };
  const write = (chunk: Buffer): void => {
    // What cannot be delivered any more is read all the same: the end comes after it.
    if (target.destroyed || target.writableEnded || chunk.length === 0) return;
    countPassed(chunk.length);
    count(chunk.length);
    const rest = writeAtOnce(target, chunk);
    if (rest !== undefined) {
      target.write(rest);
      if (!corked && chunk.length > SMALL) {
        corked = true;
        target.cork();
        setImmediate(uncork);
      }
    }
    if (unsent(target) >= MAX_UNSENT) source.pause();
  };
  const resume = (): void => void source.resume();
  const pass =
    filter === undefined ? write : (chunk: Buffer): void => filter.pass(chunk).forEach(write);
  if (first.length > 0) pass(first);
  source.on("data", pass);
  if (filter !== undefined) {
    const end = (): void => {
      if (!target.writableEnded) write(filter.rest());
    };
    for (const event of ["end", "close"]) source.once(event, end);
  }
  onDrain(target, resume);
  target.on("close", resume);
  if (target.destroyed || unsent(target) < MAX_UNSENT) source.resume();
}

// A paused socket does not show that its peer has gone. So while the server takes nothing, a tool that has much to
// send is read a little further now and then, up to a limit; a tool that is gone has no more than the kernel holds.
function glimpse(frontend: Socket, backend: Socket): void {
  let timer: NodeJS.Timeout | undefined;
  frontend.on("pause", () => {
    if (unsent(backend) >= MAX_GLIMPSED) return;
    clearTimeout(timer);
    timer = setTimeout(() => frontend.resume(), GLIMPSE_INTERVAL);
  });
  for (const event of ["resume", "close"]) frontend.on(event, () => clearTimeout(timer));
}

// Ends the backend after the frontend: at once when that is gone, else once the server has no more to send.
function endBackendAfter(frontend: Socket, backend: Socket): void {
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    if (!backend.destroyed) backend.end();
    destroyWhenQuiet(backend, frontend);
  };
  frontend.on("end", end);
  frontend.on("close", () => {
    end();
    abandon(backend);
  });
  if (frontend.destroyed || frontend.readableEnded) end();
  if (frontend.destroyed) abandon(backend);
}

// The server's answers, bytes that it takes and a tool that reads on are signs of life.
function destroyWhenQuiet(backend: Socket, frontend: Socket): void {
  let quiet = 0;
  let heard = false;
  let left = unsent(backend);
  backend.on("data", () => (heard = true));
  const timer = setInterval(() => {
    const alive = heard || unsent(backend) < left || unsent(frontend) > 0;
    heard = false;
    left = unsent(backend);
    quiet = alive ? 0 : quiet + 1;
    if (quiet >= (backend.writableFinished ? 1 : STUCK)) backend.destroy();
  }, LINGER);
  untilClosed(backend, () => clearInterval(timer));
}

// What the server may still send has no reader: it gets the bytes that are on the way to it, and then nothing is held.
function abandon(backend: Socket): void {
  if (backend.destroyed) return;
  if (backend.readableEnded || backend.writableFinished) return void backend.destroy();
  backend.once("finish", () => backend.destroy());
  const timer = setTimeout(() => backend.destroy(), LINGER);
  untilClosed(backend, () => clearTimeout(timer));
}

// Ends the frontend after the backend: a slow reader gets all bytes first, for as long as it holds the connection.
function endFrontendAfter(backend: Socket, frontend: Socket): void {
  const end = (): void => {
    if (frontend.destroyed || frontend.writableEnded) return;
    frontend.once("finish", () => {
      const timer = setTimeout(() => frontend.destroy(), LINGER);
      untilClosed(frontend, () => clearTimeout(timer));
    });
    frontend.end();
  };
  backend.on("end", end);
  backend.on("close", end);
  if (backend.destroyed || backend.readableEnded) end();
}

function untilClosed(socket: Socket, closed: () => void): void {
  if (socket.closed) closed();
  else socket.once("close", closed);
}
