// Listens on an address and port, or on the path of a unix socket.
import type { AddressInfo, Server } from "node:net";
import process from "node:process";
import { errorCode } from "./errno.ts";
import { RdsIamError } from "./errors.ts";
import type { HostPort } from "./host-port.ts";

const USUAL_BACKLOG = 511; // Node's own

/** Where to listen; port 0 lets the system pick one. */
export interface ListenAddress extends HostPort {
  /** A unix socket instead; the caller has prepared its directory. */
  readonly socketPath?: string | undefined;
  /** The most connections that wait to be accepted. */
  readonly backlog?: number | undefined;
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there",
  EADDRNOTAVAIL: "this machine has no such address",
  EACCES: "ports below 1024 need privileges",
};

// Before it listens, Node 22 and later check whether the address is a link-local one of IPv6, with a pattern that takes V8 5 ms if it
// optimizes it, and 1 ms if not.
function optimizePatterns(isOn: boolean): void {
  if ("bun" in process.versions) return;
  process
    .getBuiltinModule("node:v8")
    .setFlagsFromString(`--${isOn ? "" : "no-"}regexp-optimization`);
}

/** Resolves with the port; rejects with ERR_CONNECT and the hint when the system refuses the address. */
export function listen(
  server: Server,
  { host, port, socketPath, backlog = USUAL_BACKLOG }: ListenAddress,
  hint?: string,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      optimizePatterns(true);
      const code = errorCode(error, error.message);
      reject(
        new RdsIamError(`could not listen on ${socketPath ?? `${host} port ${port}`}`, {
          code: "ERR_CONNECT",
          detail: `${code}: ${REASONS[code] ?? "the system refused it"}.`,
          hint,
          cause: error,
        }),
      );
    };
    server.once("error", onError);
    const where = socketPath === undefined ? { host, port } : { path: socketPath };
    optimizePatterns(false);
    server.listen({ ...where, backlog }, () => {
      optimizePatterns(true);
      server.off("error", onError);
      resolve(socketPath === undefined ? (server.address() as AddressInfo).port : port);
    });
  });
}
