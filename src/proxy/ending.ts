// How the two sockets of a session end: what one side has said still reaches the other, then FIN, then nothing is held.
// A side that has ended may be waiting for answers (FIN), or be gone for good (RST, or destroyed by us); a FIN alone
// does not tell which.
// https://www.rfc-editor.org/rfc/rfc9293#section-3.6
import type { Socket } from "node:net";

const LINGER = 2_000; // ms that a peer gets to act on a FIN
const STUCK = 5; // times LINGER that bytes of a tool that has ended may wait for a server that takes none

/** Ends the backend after the frontend: at once when that is gone, else once the server has no more to say. */
export function endBackendAfter(frontend: Socket, backend: Socket): void {
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
  let unsent = backend.writableLength;
  backend.on("data", () => (heard = true));
  const timer = setInterval(() => {
    const alive = heard || backend.writableLength < unsent || frontend.writableLength > 0;
    heard = false;
    unsent = backend.writableLength;
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

/** Ends the frontend after the backend: a slow reader gets all bytes first, for as long as it holds the connection. */
export function endFrontendAfter(backend: Socket, frontend: Socket): void {
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
