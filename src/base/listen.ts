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

/** What to do when the system refuses the port, and when it refuses the address. */
export interface ListenHints {
  readonly port: string;
  readonly address: string;
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there",
  EADDRNOTAVAIL: "this machine has no such address",
  EACCES: "ports below 1024 need privileges",
  EAFNOSUPPORT: "this system has no addresses of this kind",
  ENOTFOUND: "the host does not exist",
};
const OWN_REASON =
  "rdsiam itself listens there: two of its targets, or one and --health-port, have the same port";
const ABOUT_PORT: ReadonlySet<string> = new Set(["EADDRINUSE", "EACCES"]);

// The ports of this process.
const listening = new Set<number>();

// Before it listens, Node 22 and later check whether the address is a link-local one of IPv6, with a pattern that takes V8 5 ms if it
// optimizes it, and 1 ms if not.
function optimizePatterns(isOn: boolean): void {
  if ("bun" in process.versions) return;
  process
    .getBuiltinModule("node:v8")
    .setFlagsFromString(`--${isOn ? "" : "no-"}regexp-optimization`);
}

/** Resolves with the port; rejects with ERR_CONNECT and a hint when the system refuses the address. */
export function listen(
  server: Server,
  { host, port, socketPath, backlog = USUAL_BACKLOG }: ListenAddress,
  hints?: ListenHints,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      optimizePatterns(true);
      const code = errorCode(error, error.message);
      const isOwn = code === "EADDRINUSE" && listening.has(port);
      const reason = isOwn ? OWN_REASON : (REASONS[code] ?? "the system refused it");
      reject(
        new RdsIamError(`could not listen on ${socketPath ?? `${host} port ${port}`}`, {
          code: "ERR_CONNECT",
          detail: `${code}: ${reason}.`,
          hint: hints?.[ABOUT_PORT.has(code) ? "port" : "address"],
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
      if (socketPath !== undefined) return resolve(port);
      const bound = (server.address() as AddressInfo).port;
      listening.add(bound);
      server.once("close", () => listening.delete(bound));
      resolve(bound);
    });
  });
}
