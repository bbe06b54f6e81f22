// Ends a session that waits for a command for too long. The copy does not know what the bytes mean, and neither does this:
// a server that has said ReadyForQuery and whose tool has sent nothing since is idle, and a query that runs is not, however
// long it takes. https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-IDLE-SESSION-TIMEOUT
import { Buffer } from "node:buffer";
import { encodeFatalError } from "../protocol/error-response.ts";
import { encodeTerminate } from "../protocol/query.ts";
import { closesWithin } from "../base/deadline.ts";
import type { SessionSockets } from "./copy.ts";

const READY_LENGTH = 6; // bytes of ReadyForQuery
const FLUSH_TIMEOUT = 1_000; // ms that the tool gets to read why

/** Ends a session after `ms` milliseconds of waiting for a command, and calls `ended`. */
export function endWhenIdle(
  { frontend, backend, fromFrontend, fromBackend }: SessionSockets,
  ms: number,
  ended: () => void,
): void {
  let tail = Buffer.from(fromBackend.subarray(-READY_LENGTH));
  let isAsked = fromFrontend.length > 0;
  let since = performance.now();
  frontend.on("data", () => (isAsked = true));
  backend.on("data", (chunk: Buffer) => {
    since = performance.now();
    tail = Buffer.concat([tail, chunk.subarray(-READY_LENGTH)]).subarray(-READY_LENGTH);
    if (transactionStatus(tail) !== undefined) isAsked = false;
  });
  const look = (): void => {
    const left = since + ms - performance.now();
    const status = isAsked ? undefined : transactionStatus(tail);
    if (status === undefined || left > 0) {
      timer = setTimeout(look, left > 0 ? left : ms);
      return;
    }
    ended();
    frontend.end(encodeFatalError(timeoutOf(status)));
    backend.end(encodeTerminate());
    void closesWithin(frontend, FLUSH_TIMEOUT).then(() => frontend.destroy());
  };
  let timer = setTimeout(look, ms);
  frontend.once("close", () => clearTimeout(timer));
}

// The status of a ReadyForQuery: I outside a transaction, T in one, E in one that failed.
function transactionStatus(tail: Buffer): string | undefined {
  if (tail.length < READY_LENGTH || tail[0] !== 0x5a || tail.readInt32BE(1) !== 5) return undefined;
  return tail.toString("latin1", 5);
}

function timeoutOf(status: string): { readonly sqlState: string; readonly message: string } {
  return status === "I"
    ? { sqlState: "57P05", message: "terminating connection due to idle-session timeout" }
    : { sqlState: "25P03", message: "terminating connection due to idle-in-transaction timeout" };
}
