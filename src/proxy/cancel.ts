// Takes a CancelRequest to the server over TLS, to the very address that its session is on: the name of a reader endpoint
// has several. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
import type { Socket } from "node:net";
import { RdsIamError } from "../base/errors.ts";
import type { CancelKey } from "../protocol/authentication.ts";
import { encodeCancelRequest } from "../protocol/startup-packet.ts";
import { type Backend, connectBackend } from "./backend.ts";
import { closesWithin, deadline } from "../base/deadline.ts";
import type { Address } from "../base/address.ts";
import { fatalError, type Redact } from "./failure.ts";
import type { ProxyEvent, ProxyOptions } from "./proxy-options.ts";
import type { Sessions } from "./sessions.ts";

const CANCEL_TIMEOUT = 5_000; // ms for the connection and the server's answer, which is to close it
const WRONG_CANCEL_DELAY = 1_000; // ms

/** Forwards a CancelRequest whose key a session has. One that none has never leaves this machine; the frontend's connection stays until the server has acted, which is what libpq waits for. */
export async function forwardCancel(
  socket: Socket,
  key: CancelKey,
  {
    backend,
    sessions,
    redact,
    onEvent,
  }: Pick<ProxyOptions, "backend"> & {
    readonly sessions: Sessions;
    readonly redact: Redact;
    readonly onEvent: (event: ProxyEvent) => void;
  },
): Promise<void> {
  const session = sessions.find(key);
  if (session === undefined) {
    onEvent({ kind: "cancel", found: false });
    await closesWithin(socket, WRONG_CANCEL_DELAY);
    return;
  }
  try {
    await sendCancel(backend, session.address, key);
    onEvent({ kind: "cancel", found: true });
  } catch (error) {
    // A CancelRequest has no answer, not even this one.
    onEvent({ kind: "cancel", found: true, failed: fatalError(error, redact) });
  }
}

// Waits for the server to act on it; rejects with ERR_CONNECT when it cannot be reached.
async function sendCancel(backend: Backend, address: Address, key: CancelKey): Promise<void> {
  const late = `${backend.host} did not accept the cancel request in ${CANCEL_TIMEOUT / 1000} s`;
  using limit = deadline(CANCEL_TIMEOUT, () => new RdsIamError(late, { code: "ERR_CONNECT" }));
  const { socket } = await connectBackend(backend, limit.signal, address);
  limit.signal.addEventListener("abort", () => socket.destroy(), { once: true });
  socket.resume();
  socket.end(encodeCancelRequest(key.processId, key.secretKey));
  await closesWithin(socket, CANCEL_TIMEOUT);
  socket.destroy();
}
