// Answers a frontend whose connection failed, and reports the failure.
import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { addDetailAndHint, encodeFatalError } from "../protocol/error-response.ts";
import { closesWithin } from "../base/deadline.ts";
import { BackendRefusal, fatalError } from "./failure.ts";
import { FrontendRefused } from "./frontend-refused.ts";
import { HandshakeFailed } from "./frontend-tls.ts";
import type { ProxyEvent } from "./proxy-event.ts";
import { ConnectionClosed } from "./socket-reader.ts";

const FLUSH_TIMEOUT = 1_000; // ms that a refused frontend gets to read why

/** DETAIL and HINT to add where the server gave none. */
export interface AddedFields {
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
}

/** Explains refusals, and gets all events. */
export interface Answering {
  readonly explain: (user: string, refusal: BackendRefusal) => AddedFields;
  readonly onEvent: (event: ProxyEvent) => void;
}

/** Sends the ErrorResponse, if the frontend is still there; never rejects. */
export async function answerFailure(
  socket: Socket,
  failed: { error: unknown; user: string },
  context: Answering,
): Promise<void> {
  const { error, user } = failed;
  if (error instanceof HandshakeFailed)
    return context.onEvent({ kind: "unauthenticated", reason: error.message });
  if (error instanceof ConnectionClosed || socket.destroyed) return;
  if (error instanceof FrontendRefused) {
    context.onEvent({ kind: "unauthenticated", reason: error.message, error: error.error });
    return flush(socket, error.answer);
  }
  if (error instanceof BackendRefusal) {
    const added = context.explain(user, error);
    const detail = error.fields.get("D") ?? added.detail;
    const hint = error.fields.get("H") ?? added.hint;
    const told = { sqlState: error.sqlState, message: error.message, detail, hint };
    context.onEvent({ kind: "refused", user, error: told, cause: undefined });
    return flush(socket, addDetailAndHint(error.body, added));
  }
  const answer = fatalError(error);
  context.onEvent({ kind: "refused", user, error: answer, cause: error });
  return flush(socket, encodeFatalError(answer));
}

async function flush(socket: Socket, answer: Buffer): Promise<void> {
  socket.end(answer);
  await closesWithin(socket, FLUSH_TIMEOUT);
}
