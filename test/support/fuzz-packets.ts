// Malformed first packets, in eight ways. None of them can log in: nothing here knows the run's secret.
import { Buffer } from "node:buffer";
import { encodeCancelRequest, encodeSslRequest } from "../../src/protocol/startup-packet.ts";
import { int32, packet, password, startup } from "./raw-frontend.ts";
import { mutate, type Random } from "./random.ts";

const GSSENC_REQUEST = Buffer.from("0000000804d21630", "hex");
const VERSIONS = [0, 1, 131_072, 196_607, 196_608, 196_610, 206_607, 262_144, -1] as const;
const CODES = [80_877_101, 80_877_102, 80_877_103, 80_877_104, 80_877_105] as const;
const NAMES = ["user", "database", "options", "replication", "_pq_.x", "client_encoding"] as const;

/** A StartupMessage that is well formed, with any version and a few parameters. */
export function anyStartup(from: Random): Buffer {
  const parameters: Record<string, string> = { user: from.pick(["app", "a", "jane.doe+x@corp"]) };
  for (let count = from.below(5); count > 0; count -= 1) {
    parameters[from.pick(NAMES)] = from.text(from.below(30)).replaceAll("\0", " ");
  }
  return startup(parameters, from.pick([196_608, 196_608, 196_610, 206_607]));
}

/** A StartupMessage with a few bytes changed. */
export function mutatedStartup(from: Random): Buffer {
  return mutate(anyStartup(from), from);
}

/** Every kind of wrong length word, before a body that may be right. */
export function wrongLength(from: Random): Buffer {
  const length = from.pick([
    0,
    1,
    3,
    4,
    7,
    8,
    9,
    10_003,
    10_004,
    10_005,
    65_536,
    2_147_483_647,
    -1,
    -2_147_483_648,
    from.below(12_000),
  ]);
  const body = from.pick([
    anyStartup(from).subarray(4),
    from.bytes(from.below(300)),
    Buffer.alloc(0),
  ]);
  return Buffer.concat([int32(length), body]);
}

/** Request codes and versions with bodies that do not belong to them. */
export function wrongCode(from: Random): Buffer {
  const code = from.below(2) === 0 ? from.pick(CODES) : from.pick(VERSIONS);
  return packet(int32(code), from.bytes(from.below(from.pick([2, 30, 400]))));
}

/** SSLRequest, GSSENCRequest and cancels in any number and order, with or without something behind. */
export function pipelined(from: Random): Buffer {
  const parts: Buffer[] = [];
  for (let count = 1 + from.below(5); count > 0; count -= 1) {
    parts.push(
      from.pick([
        encodeSslRequest(),
        GSSENC_REQUEST,
        anyStartup(from),
        packet(int32(80_877_102), from.bytes(8)),
        Buffer.concat([Buffer.from("Q"), int32(13), Buffer.from("select 1\0")]),
        Buffer.concat([Buffer.from("X"), int32(4)]),
        password(Buffer.from(`${from.text(12)}\0`)),
      ]),
    );
  }
  return Buffer.concat(parts);
}

/** TLS: whole ClientHellos, mutated ones, other records, SSL 2. */
export function clientHello(from: Random): Buffer {
  const extensions = from.bytes(from.below(200));
  const hello = Buffer.concat([
    Buffer.from([3, 3]),
    from.bytes(32),
    Buffer.of(0),
    Buffer.from("0004130113020100", "hex"),
    Buffer.of(extensions.length >> 8, extensions.length & 255),
    extensions,
  ]);
  const handshake = Buffer.concat([Buffer.of(1), int32(hello.length).subarray(1), hello]);
  const record = Buffer.concat([
    Buffer.from([22, 3, from.below(5)]),
    int32(handshake.length).subarray(2),
    handshake,
  ]);
  return from.pick([
    record,
    mutate(record, from),
    Buffer.concat([Buffer.from("802b0100020012", "hex"), hello]),
  ]);
}

/** What other programs say first: HTTP, SSH, Redis, MySQL, SMB, SOCKS, a line of text. */
export function otherProtocol(from: Random): Buffer {
  const host = `${from.text(10)}\r\n\r\n`;
  const said = Buffer.from(
    from.pick([
      `GET /${from.text(20)} HTTP/1.1\r\nHost: ${host}`,
      `POST / HTTP/1.1\r\nContent-Length: ${from.below(9999)}\r\nHost: ${host}`,
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "SSH-2.0-OpenSSH_9.2\r\n",
      "*1\r\n$4\r\nPING\r\n",
      "\x4a\0\0\0\x0a8.0.36\0",
      "\0\0\0\x85\xffSMBr\0\0\0\0",
      "\x05\x01\0",
      `${from.text(from.below(80))}\n`,
    ]),
    "latin1",
  );
  return from.below(3) === 0 ? mutate(said, from) : said;
}

/** Noise, from nothing to more than a login may ever hold. */
export function noise(from: Random): Buffer {
  const length = from.below(from.pick([1, 8, 64, 1024, 1024, 12_000]));
  const bytes = from.bytes(length);
  if (from.below(50) > 0) return bytes;
  return Buffer.concat([
    from.pick([int32(10_004), Buffer.from("p\0\x04\0\0")]),
    Buffer.alloc(200_000, bytes[0]),
  ]);
}

/** A CancelRequest that names no session: random, or a session's own key with something changed. */
export function wrongCancel(from: Random, key: { processId: number; secretKey: Buffer }): Buffer {
  const { processId, secretKey } = key;
  switch (from.below(5)) {
    case 0:
      return encodeCancelRequest(processId, mutate(secretKey, from).subarray(0, 300));
    case 1:
      return encodeCancelRequest(processId ^ (1 << from.below(32)), secretKey);
    case 2:
      return encodeCancelRequest(from.below(65_536), from.bytes(4));
    case 3:
      return encodeCancelRequest(processId, from.bytes(1 + from.below(300)));
    default:
      return Buffer.concat([encodeSslRequest(), encodeCancelRequest(processId, from.bytes(4))]);
  }
}
