// Ends a session that waits for a command for too long, or that lasts too long. The copy does not know what the bytes mean, and
// neither does this: a server that has said ReadyForQuery and whose tool has sent nothing since is idle, and a query that runs
// is not, however long it takes. https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-IDLE-SESSION-TIMEOUT
import { Buffer } from "node:buffer";
import { encodeFatalError, type FatalError } from "../protocol/error-response.ts";
import { encodeTerminate } from "../protocol/query.ts";
import { closesWithin } from "../base/deadline.ts";
import type { SessionSockets } from "./copy.ts";

const READY_LENGTH = 6; // bytes of ReadyForQuery
const FLUSH_TIMEOUT = 1_000; // ms that the tool gets to read why
const TOO_LONG: FatalError = {
  sqlState: "57P01", // admin_shutdown
  message: "terminating connection due to session timeout",
  detail: "The proxy limits how long a session may last.",
  hint: "Connect again.",
};

/** The limits of a session in milliseconds. */
export interface SessionTimeouts {
  /** For how long it may wait for a command. */
  readonly idleTimeout?: number | undefined;
  /** For how long it may last. */
  readonly sessionTimeout?: number | undefined;
}

/** Ends a session when one of its limits is over, and calls `ended`. */
export function endInTime(
  { frontend, backend, fromFrontend, fromBackend }: SessionSockets,
  { idleTimeout, sessionTimeout }: SessionTimeouts,
  ended: (timeout: "idle" | "session") => void,
): void {
  if (idleTimeout === undefined && sessionTimeout === undefined) return;
  let tail = Buffer.from(fromBackend.subarray(-READY_LENGTH));
  let isAsked = fromFrontend.length > 0;
  let since = performance.now();
  frontend.on("data", () => (isAsked = true));
  backend.on("data", (chunk: Buffer) => {
    since = performance.now();
    tail = Buffer.concat([tail, chunk.subarray(-READY_LENGTH)]).subarray(-READY_LENGTH);
    if (transactionStatus(tail) !== undefined) isAsked = false;
  });
  const end = (error: FatalError): void => {
    frontend.end(encodeFatalError(error));
    backend.end(encodeTerminate());
    void closesWithin(frontend, FLUSH_TIMEOUT).then(() => frontend.destroy());
  };
  const timers = new Set<NodeJS.Timeout>();
  const after = (ms: number, callback: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      callback();
    }, ms);
    timers.add(timer);
  };
  frontend.once("close", () => {
    for (const timer of timers) clearTimeout(timer);
  });
  const look = (ms: number): void => {
    const left = since + ms - performance.now();
    const status = isAsked ? undefined : transactionStatus(tail);
    if (status === undefined || left > 0) return after(left > 0 ? left : ms, () => look(ms));
    ended("idle");
    end(idleError(status));
  };
  if (idleTimeout !== undefined) after(idleTimeout, () => look(idleTimeout));
  if (sessionTimeout === undefined) return;
  after(sessionTimeout, () => {
    ended("session");
    if (transactionStatus(tail) !== undefined) return end(TOO_LONG);
    // In the middle of an answer nothing else can be said.
    frontend.destroy();
    backend.destroy();
  });
}

// The status of a ReadyForQuery: I outside a transaction, T in one, E in one that failed.
function transactionStatus(tail: Buffer): string | undefined {
  if (tail.length < READY_LENGTH || tail[0] !== 0x5a || tail.readInt32BE(1) !== 5) return undefined;
  return tail.toString("latin1", 5);
}

function idleError(status: string): FatalError {
  return status === "I"
    ? { sqlState: "57P05", message: "terminating connection due to idle-session timeout" }
    : { sqlState: "25P03", message: "terminating connection due to idle-in-transaction timeout" };
}
