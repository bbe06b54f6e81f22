// Reads relay:// and rds-auth-proxy://: a host, and as a query the files to verify it with and to be verified by.

import { isIP } from "node:net";
import { type HostPort, readAuthority } from "../base/host-port.ts";

/** A relay, or a server of the old rds-auth-proxy. */
export type RelayVia =
  | ({ readonly kind: "relay" } & RelayAddress)
  | ({ readonly kind: "rds-auth-proxy"; readonly verified: boolean } & HostPort &
      Pick<RelayAddress, "ca">);

/** Where a relay is, and the PEM files that TLS with it needs. */
export interface RelayAddress extends HostPort {
  /** What it is verified with; the runtime's own CAs when absent. */
  readonly ca: string | undefined;
  /** The client certificate and its key. */
  readonly client: { readonly cert: string; readonly key: string } | undefined;
}

const DEFAULT_PORTS = { relay: 8443, "rds-auth-proxy": 8000 } as const;
const PARAMETERS = {
  relay: ["ca", "cert", "key"],
  "rds-auth-proxy": ["ca", "sslmode"],
} as const;

/** Reads what stands behind the scheme; `fail` throws the error for what cannot be read. */
export function readRelay(
  kind: RelayVia["kind"],
  text: string,
  fail: (why: string, hint?: string) => never,
): RelayVia {
  const [, authority = "", query = ""] = /^([^?]*?)\/?(?:\?(.*))?$/.exec(text) ?? [];
  const place = readAuthority(authority);
  if (place === undefined) return fail(`names no host after ${kind}://`);
  const { host, port = DEFAULT_PORTS[kind] } = place;
  const parameters = new URLSearchParams(query);
  const known: readonly string[] = PARAMETERS[kind];
  for (const [name, value] of parameters) {
    if (known.includes(name) && value !== "") continue;
    return fail(`has a parameter that ${kind}:// does not know`, `It knows: ${known.join(", ")}.`);
  }
  const ca = parameters.get("ca") ?? undefined;
  if (kind === "rds-auth-proxy") {
    const mode = parameters.get("sslmode") ?? "verify-full";
    return { kind, host, port, ca, verified: isVerified(mode, host, fail) };
  }
  const cert = parameters.get("cert") ?? undefined;
  const key = parameters.get("key") ?? undefined;
  if (cert === undefined || key === undefined) {
    if (cert === key) return { kind, host, port, ca, client: undefined };
    return fail("has one half of a client certificate", "Give both: ?cert=FILE&key=FILE");
  }
  return { kind, host, port, ca, client: { cert, key } };
}

// The old server makes itself a new certificate at each start unless it is given one, which nobody can verify. Where
// kubectl port-forward has brought it to this machine, the tunnel vouches for it instead.
function isVerified(
  mode: string,
  host: string,
  fail: (why: string, hint?: string) => never,
): boolean {
  if (mode === "verify-full") {
    if (isIP(host) === 0) return true;
    return fail(
      "names an address, and certificates are verified for names",
      "Write rds-auth-proxy://NAME:PORT.",
    );
  }
  if (mode !== "require") return fail("has another sslmode than verify-full or require");
  const isLoopback =
    host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
  if (isLoopback) return false;
  return fail(
    "has sslmode=require, which sends the auth token to whoever answers",
    "Name the server's certificate or its CA instead: ?ca=FILE. On a tunnel's end at localhost it is allowed.",
  );
}
