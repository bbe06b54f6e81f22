// Asks a SOCKS5 proxy for a connection. A name is handed over as it is and looked up by the proxy (what curl calls
// socks5h): private zones are known over there, not here.
// https://www.rfc-editor.org/rfc/rfc1928, user and password: https://www.rfc-editor.org/rfc/rfc1929

import { Buffer } from "node:buffer";
import { isIPv4, isIPv6 } from "node:net";
import type { Duplex } from "node:stream";
import { RdsIamError } from "../base/errors.ts";
import type { CarrierTarget } from "./carrier.ts";
import { Handshake, HandshakeFailed } from "./handshake.ts";
import { showHostPort } from "../base/host-port.ts";
import type { ProxyAddress } from "./parse.ts";

const VERSION = 5;
const NO_LOGIN = 0;
const USER_AND_PASSWORD = 2;
const NONE_ACCEPTED = 0xff;
const CONNECT = 1;
const ADDRESS_TYPES = { v4: 1, name: 3, v6: 4 } as const;

const REPLIES: Readonly<Record<number, string>> = {
  1: "It failed, and does not say why",
  2: "Its rules do not allow this connection",
  3: "It cannot reach the database's network",
  4: "It cannot reach the host, or does not know the name",
  5: "The database's port refused it the connection",
  6: "The time to live ran out on the way",
  7: "It does not open connections",
  8: "It does not take this kind of address",
};

/** Leads an open connection to the proxy on to the target. */
export async function requestSocks5(
  stream: Duplex,
  { proxy, target }: { readonly proxy: ProxyAddress; readonly target: CarrierTarget },
  signal: AbortSignal,
): Promise<void> {
  const handshake = new Handshake(stream, signal);
  try {
    await logIn(stream, handshake, proxy);
    stream.write(
      Buffer.concat([
        Buffer.from([VERSION, CONNECT, 0]),
        encodeAddress(target.address),
        port(target),
      ]),
    );
    const [version, reply = 1, , type] = await handshake.take(4);
    if (version !== VERSION) throw new HandshakeFailed("it does not speak SOCKS5");
    if (reply !== 0)
      throw refused(proxy, target, REPLIES[reply] ?? `It answered with code ${reply}`);
    // The address that the proxy dials from; it must be read and says nothing.
    const length =
      type === ADDRESS_TYPES.v4 ? 4 : type === ADDRESS_TYPES.v6 ? 16 : await one(handshake);
    await handshake.take(length + 2);
    handshake.finish();
  } catch (error) {
    handshake.abandon();
    if (!(error instanceof HandshakeFailed)) throw error;
    throw refused(proxy, target, `In the SOCKS5 handshake ${error.message}`);
  }
}

async function logIn(stream: Duplex, handshake: Handshake, proxy: ProxyAddress): Promise<void> {
  const hasLogin = proxy.user !== undefined;
  const methods = hasLogin ? [NO_LOGIN, USER_AND_PASSWORD] : [NO_LOGIN];
  stream.write(Buffer.from([VERSION, methods.length, ...methods]));
  const [version, method] = await handshake.take(2);
  if (version !== VERSION) throw new HandshakeFailed("it does not speak SOCKS5");
  if (method === NO_LOGIN) return;
  if (method === NONE_ACCEPTED || !hasLogin) throw loginNeeded(proxy, hasLogin);
  const user = short(proxy.user ?? "");
  const password = short(proxy.password ?? "");
  stream.write(Buffer.concat([Buffer.from([1]), user, password]));
  const [, status] = await handshake.take(2);
  if (status !== 0) throw loginNeeded(proxy, true);
}

function short(text: string): Buffer {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length > 255) throw new HandshakeFailed("a name or password is over 255 bytes long");
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

function port(target: CarrierTarget): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(target.port);
  return bytes;
}

async function one(handshake: Handshake): Promise<number> {
  return (await handshake.take(1))[0] ?? 0;
}

function refused(proxy: ProxyAddress, target: CarrierTarget, why: string): RdsIamError {
  return new RdsIamError(
    `the SOCKS proxy ${showHostPort(proxy)} opened no connection to ${target.host} port ${target.port}`,
    {
      code: "ERR_VIA",
      detail: `${why}.`,
      hint: "Check that the proxy may reach the database: its rules, the security group, and the name over there.",
    },
  );
}

function loginNeeded(proxy: ProxyAddress, hasLogin: boolean): RdsIamError {
  return new RdsIamError(`the SOCKS proxy ${showHostPort(proxy)} does not let us in`, {
    code: "ERR_VIA",
    detail: hasLogin
      ? "It did not take the user and password of rds_via."
      : "It asks for a user and a password, and rds_via has none.",
    hint: "Set RDSIAM_VIA=socks5://USER:PASSWORD@HOST:PORT, with special characters as %XX (@ is %40).",
  });
}
