// Ends a session that waits for a command for too long, or that lasts too long. A session is idle once the server has said
// ReadyForQuery to all that its tool has sent, and a query that runs is not, however long it takes: also one that was sent before
// the answer to the one ahead of it. https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-IDLE-SESSION-TIMEOUT
import type { Buffer } from "node:buffer";
import { encodeFatalError, type FatalError } from "../protocol/error-response.ts";
import { encodeTerminate } from "../protocol/query.ts";
import { MessageStream } from "../protocol/message-stream.ts";
import { closesWithin } from "../base/deadline.ts";
import type { SessionSockets } from "./copy.ts";

const READY_LENGTH = 5; // of ReadyForQuery, without its type
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
  const commands = new Commands();
  const answers = new MessageStream({ wants: commands.answers, replace: commands.ready });
  const asked = new MessageStream({ wants: commands.sends, replace: (_, message) => message });
  const statusNow = (): string | undefined => (answers.isBetween ? commands.status : undefined);
  let since = performance.now();
  answers.pass(fromBackend);
  asked.pass(fromFrontend);
  frontend.on("data", (chunk: Buffer) => void asked.pass(chunk));
  backend.on("data", (chunk: Buffer) => {
    since = performance.now();
    answers.pass(chunk);
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
    const status = commands.isRunning ? undefined : statusNow();
    if (status === undefined || left > 0) return after(left > 0 ? left : ms, () => look(ms));
    ended("idle");
    end(idleError(status));
  };
  if (idleTimeout !== undefined) after(idleTimeout, () => look(idleTimeout));
  if (sessionTimeout === undefined) return;
  after(sessionTimeout, () => {
    ended("session");
    if (statusNow() !== undefined) return end(TOO_LONG);
    // In the middle of an answer nothing else can be said.
    frontend.destroy();
    backend.destroy();
  });
}

// What the server was sent and has not answered yet.
// https://www.postgresql.org/docs/current/protocol-flow.html
class Commands {
  /** That of the last ReadyForQuery: I outside a transaction, T in one, E in one that failed; undefined in the middle of an answer. */
  status: string | undefined;
  // The types of the messages that have a ReadyForQuery each.
  #sent = "";
  // Whether others came behind them, whose Sync is still to come.
  #isOpen = false;
  #isCopying = false;

  get isRunning(): boolean {
    return this.#isOpen || this.#sent !== "";
  }

  readonly sends = (type: string): boolean => {
    if ("QSF".includes(type)) {
      if (type !== "S" || !this.#isCopying) this.#sent += type;
      this.#isOpen = false;
    } else if ("PBDEC".includes(type)) this.#isOpen = true;
    else if ("cf".includes(type)) this.#isCopying = false;
    return false;
  };

  readonly answers = (type: string, length: number): boolean => {
    if (type === "Z") return length === READY_LENGTH;
    // What a server says of its own accord: NotificationResponse, NoticeResponse, ParameterStatus.
    if ("ANS".includes(type)) return false;
    this.status = undefined;
    if (type === "E") this.#isCopying = false;
    // CopyInResponse to an Execute: the server passes over a Sync until the end of the COPY.
    if (type === "G" && !this.#sent.startsWith("Q")) {
      this.#sent = this.#sent.replace(/^S+/, "");
      this.#isCopying = true;
    }
    return false;
  };

  readonly ready = (_: string, message: Buffer): Buffer => {
    this.status = message.toString("latin1", READY_LENGTH);
    this.#sent = this.#sent.slice(1);
    this.#isCopying = false;
    return message;
  };
}

function idleError(status: string): FatalError {
  return status === "I"
    ? { sqlState: "57P05", message: "terminating connection due to idle-session timeout" }
    : { sqlState: "25P03", message: "terminating connection due to idle-in-transaction timeout" };
}
