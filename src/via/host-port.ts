// A host and a port as the ways write them.

import { isIPv6 } from "node:net";

/** A host and a port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** HOST:PORT, with brackets around an IPv6 address. */
export function showPlace({ host, port }: HostPort): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Reads HOST, HOST:PORT or [IPV6]:PORT; undefined when it is none of them. */
export function readHostPort(
  text: string,
): { readonly host: string; readonly port: number | undefined } | undefined {
  const match = /^(?:\[([^\]]+)\]|([A-Za-z0-9_][A-Za-z0-9._-]*))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (match === null || host === undefined) return undefined;
  if (match[1] !== undefined && !isIPv6(match[1])) return undefined;
  const port = match[3] === undefined ? undefined : Number(match[3]);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  return { host, port };
}
