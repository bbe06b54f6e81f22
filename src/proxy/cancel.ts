// Takes a CancelRequest to the server over TLS, to the very address that its session is on: the name of a reader endpoint
// has several. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
import { RdsIamError } from "../errors.ts";
import type { CancelKey } from "../protocol/authentication.ts";
import { encodeCancelRequest } from "../protocol/startup-packet.ts";
import { type Backend, connectBackend } from "./backend-login.ts";
import { closesWithin, deadline } from "./deadline.ts";
import type { Address } from "./dial.ts";

const CANCEL_TIMEOUT = 5_000; // ms for the connection and the server's answer, which is to close it

/** Sends the request and waits for the server to act on it; rejects with ERR_CONNECT when it cannot be told. */
export async function sendCancel(
  backend: Backend,
  address: Address,
  key: CancelKey,
): Promise<void> {
  using limit = deadline(CANCEL_TIMEOUT, () => tookTooLong(backend));
  const { socket } = await connectBackend(backend, limit.signal, address);
  limit.signal.addEventListener("abort", () => socket.destroy(), { once: true });
  socket.resume();
  socket.end(encodeCancelRequest(key.processId, key.secretKey));
  await closesWithin(socket, CANCEL_TIMEOUT);
  socket.destroy();
}

function tookTooLong(backend: Backend): RdsIamError {
  return new RdsIamError(`${backend.host} did not take the cancel in ${CANCEL_TIMEOUT / 1000} s`, {
    code: "ERR_CONNECT",
  });
}
