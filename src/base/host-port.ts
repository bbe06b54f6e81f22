// Reads and writes HOST:PORT.
import process from "node:process";

/** A host and a port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** A host as it was written down, and its port where that was written too. */
export interface WrittenHost {
  readonly host: string;
  readonly port: number | undefined;
}

/** Reads HOST, HOST:PORT, [IPV6]:PORT or a bare IPv6 address; undefined when it is none of them. */
export function readHostPort(text: string): WrittenHost | undefined {
  return isIPv6(text) ? { host: text, port: undefined } : readAuthority(text);
}

/**
 * Reads the authority of a URL, where an IPv6 address has brackets. A host never begins with `-`: it may become an argument of
 * a program. Port 0 is for listeners.
 */
export function readAuthority(text: string, lowestPort: 0 | 1 = 1): WrittenHost | undefined {
  const match = /^(?:\[([^\]]+)\]|([A-Za-z0-9_][A-Za-z0-9._-]*))(?::(\d{1,5}))?$/.exec(text);
  const [, v6, name, digits] = match ?? [];
  const host = v6 ?? name;
  if (host === undefined || (v6 !== undefined && !isIPv6(v6))) return undefined;
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < lowestPort || port > 65_535)) return undefined;
  return { host, port };
}

/** HOST:PORT, with brackets around an IPv6 address. */
export function showHostPort({ host, port }: { host: string; port: number | string }): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether a text is an IPv6 address. node:net takes 3 ms to load, and 5 more for its first look at one: only what may be one gets there. */
export function isIPv6(text: string): boolean {
  return /:.*:/.test(text) && process.getBuiltinModule("node:net").isIPv6(text);
}
