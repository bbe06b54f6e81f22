// Asks a SOCKS5 proxy for a connection. A name is handed over as it is and looked up by the proxy (what curl calls
// socks5h): private zones are known over there, not here.
// https://www.rfc-editor.org/rfc/rfc1928, user and password: https://www.rfc-editor.org/rfc/rfc1929

import { Buffer } from "node:buffer";
import { isIPv4, isIPv6 } from "node:net";
import type { Duplex } from "node:stream";
import type { RdsIamError } from "../base/errors.ts";
import { Handshake, HandshakeError } from "./handshake.ts";
import { showHostPort } from "../base/host-port.ts";
import type { ProxyAddress } from "./parse.ts";
import { type Destination, tunnelError } from "./tunnel.ts";

const VERSION = 5;
const NO_LOGIN = 0;
const USER_AND_PASSWORD = 2;
const NONE_ACCEPTED = 0xff;
const CONNECT = 1;
const ADDRESS_TYPES = { v4: 1, name: 3, v6: 4 } as const;

// The reply codes of RFC 1928, section 6.
const REPLIES: Readonly<Record<number, string>> = {
  1: "It failed and gave no reason",
  2: "Its rules do not allow this connection",
  3: "It cannot reach the database's network",
  4: "It cannot reach the host, or does not know the name",
  5: "The database's port refused its connection",
  6: "The packet's time to live expired",
  7: "It does not open connections",
  8: "It does not take this kind of address",
};

/** Asks the proxy at the other end of a stream for a connection to the destination. */
export async function requestSocks5(
  stream: Duplex,
  { proxy, destination }: { readonly proxy: ProxyAddress; readonly destination: Destination },
  signal: AbortSignal,
): Promise<void> {
  const handshake = new Handshake(stream, signal);
  try {
    await logIn(stream, handshake, proxy);
    const request = Buffer.from([VERSION, CONNECT, 0]);
    const port = Buffer.from([destination.port >> 8, destination.port & 0xff]);
    stream.write(Buffer.concat([request, encodeAddress(destination.address), port]));
    const [version, reply = 1, , type] = await handshake.take(4);
    if (version !== VERSION) throw new HandshakeError("it does not speak SOCKS5");
    if (reply !== 0) {
      throw refused(proxy, destination, REPLIES[reply] ?? `It answered with code ${reply}`);
    }
    // The address that the proxy dials from has to be read, and is of no use.
    let length = type === ADDRESS_TYPES.v4 ? 4 : 16;
    if (type === ADDRESS_TYPES.name) [length = 0] = await handshake.take(1);
    await handshake.take(length + 2);
    handshake.finish();
  } catch (error) {
    handshake.abandon();
    if (!(error instanceof HandshakeError)) throw error;
    throw refused(proxy, destination, `In the SOCKS5 handshake ${error.message}`);
  }
}

async function logIn(stream: Duplex, handshake: Handshake, proxy: ProxyAddress): Promise<void> {
  const hasLogin = proxy.user !== undefined;
  const methods = hasLogin ? [NO_LOGIN, USER_AND_PASSWORD] : [NO_LOGIN];
  stream.write(Buffer.from([VERSION, methods.length, ...methods]));
  const [version, method] = await handshake.take(2);
  if (version !== VERSION) throw new HandshakeError("it does not speak SOCKS5");
  if (method === NO_LOGIN) return;
  if (method === NONE_ACCEPTED || !hasLogin) throw loginRejected("socks5", proxy);
  const user = short(proxy.user ?? "");
  const password = short(proxy.password ?? "");
  stream.write(Buffer.concat([Buffer.from([1]), user, password]));
  const [, status] = await handshake.take(2);
  if (status !== 0) throw loginRejected("socks5", proxy);
}

function short(text: string): Buffer {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length > 255) throw new HandshakeError("a name or password is over 255 bytes long");
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function encodeAddress(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from([ADDRESS_TYPES.v4, ...address.split(".").map(Number)]);
  if (isIPv6(address)) return Buffer.concat([Buffer.from([ADDRESS_TYPES.v6]), encodeIPv6(address)]);
  return Buffer.concat([Buffer.from([ADDRESS_TYPES.name]), short(address)]);
}

// URL writes every IPv6 address in one form: hexadecimal groups with at most one `::`.
function encodeIPv6(address: string): Buffer {
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const [first, last] = [groups(head), groups(tail ?? "")];
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length;
  const bytes = Buffer.alloc(16);
  for (const [index, group] of [...first, ...Array<number>(zeros).fill(0), ...last].entries()) {
    bytes.writeUInt16BE(group, index * 2);
  }
  return bytes;
}

function refused(proxy: ProxyAddress, { host, port }: Destination, why: string): RdsIamError {
  const at = showHostPort(proxy);
  return tunnelError(`the SOCKS proxy ${at} opened no connection to ${host} port ${port}`, {
    detail: `${why}.`,
    hint: "Check that the proxy may reach the database: its rules, the security group, and the DNS on its side.",
  });
}

/** The error for a proxy that wants another login, or one at all. */
export function loginRejected(scheme: "http" | "socks5", proxy: ProxyAddress): RdsIamError {
  const what = scheme === "http" ? "proxy" : "SOCKS proxy";
  return tunnelError(`the ${what} ${showHostPort(proxy)} rejected the login`, {
    detail:
      proxy.user === undefined
        ? "It asks for a user and a password, and rds_via has none."
        : "It did not accept the user and password in rds_via.",
    hint: `Set RDSIAM_VIA=${scheme}://USER:PASSWORD@HOST:PORT, with special characters as %XX (@ is %40).`,
  });
}
