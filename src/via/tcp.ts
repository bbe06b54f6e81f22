// Opens the TCP connection to a tunnel's or a proxy's own port. Its name is looked up by the system, not by dns_servers:
// those know the database's network, and this host stands on our side of it.

import { connect, type Socket } from "node:net";
import { RdsIamError } from "../base/errors.ts";
import { type HostPort, showHostPort } from "../base/host-port.ts";

const REASONS: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "Nothing listens there: the connection was refused"],
  ["ENOTFOUND", "Its name does not exist"],
  ["EAI_AGAIN", "Its name cannot be looked up now"],
  ["ETIMEDOUT", "It does not answer"],
  ["EHOSTUNREACH", "There is no route to it"],
  ["ENETUNREACH", "There is no network"],
]);

/** Connects; rejects with ERR_VIA that names `what` (`the tunnel`), or the signal's reason. */
export function connectTcp(
  place: HostPort,
  { what, hint }: { readonly what: string; readonly hint: string },
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const { host, port } = place;
    const options = { host, port, noDelay: true, allowHalfOpen: true, autoSelectFamily: true };
    const socket = connect(options);
    const onAbort = (): void => {
      socket.destroy();
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const onError = (error: NodeJS.ErrnoException): void => {
      signal.removeEventListener("abort", onAbort);
      const code = error.code ?? "";
      const reason = REASONS.get(code);
      reject(
        new RdsIamError(`could not connect to ${what} at ${showHostPort(place)}`, {
          code: "ERR_VIA",
          detail: reason === undefined ? `The system says ${code || "nothing"}.` : `${reason}.`,
          hint,
          cause: error,
        }),
      );
    };
    socket.once("error", onError);
    socket.once("connect", () => {
      signal.removeEventListener("abort", onAbort);
      socket.off("error", onError);
      resolve(socket);
    });
  });
}
