// A server of the old rds-auth-proxy, as its source has it: TLS after an SSLRequest, host and password out of the
// StartupMessage, a login to the database with them, AuthenticationOk, then messages both ways. Like the original it reads
// protocol 3.0 alone and takes a CancelRequest for nothing.
// https://github.com/mothership/rds-auth-proxy/blob/main/pkg/proxy/proxy.go
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import * as tls from "node:tls";
import type { Certificate } from "../../src/demo/certificates.ts";
import { listen, type Running } from "./listen.ts";

const SSL_REQUEST = 80_877_103;
const STARTUP_3_0 = 196_608;

/** A server that runs. */
export interface RdsAuthProxy extends Running {
  /** The parameters of each StartupMessage. */
  readonly startups: ReadonlyMap<string, string>[];
  /** Codes of packets that it does not know. */
  readonly unknown: number[];
}

/** Starts a server that lets clients reach one host, which stands at a loopback port. */
export async function startRdsAuthProxy(options: {
  /** Without one it has no TLS, as in the quickstart. */
  readonly certificate?: Pick<Certificate, "cert" | "key"> | undefined;
  readonly allowed: string;
  readonly databasePort: number;
  readonly databaseCa: string;
}): Promise<RdsAuthProxy> {
  const startups: ReadonlyMap<string, string>[] = [];
  const unknown: number[] = [];
  const { certificate } = options;
  const secureContext = certificate && tls.createSecureContext(certificate);
  const serve = async (raw: Socket): Promise<void> => {
    let client = raw;
    let body = await takePacket(client);
    if (body.readInt32BE(0) === SSL_REQUEST) {
      raw.write(secureContext === undefined ? "N" : "S");
      if (secureContext !== undefined) {
        client = new tls.TLSSocket(raw, { isServer: true, secureContext });
        client.on("error", () => {});
      }
      body = await takePacket(client);
    }
    const code = body.readInt32BE(0);
    if (code !== STARTUP_3_0) {
      unknown.push(code);
      return;
    }
    const words = body.subarray(4).toString("utf8").split("\0");
    const parameters = new Map<string, string>();
    for (let index = 0; words[index]; index += 2)
      parameters.set(words[index] ?? "", words[index + 1] ?? "");
    startups.push(parameters);
    const error = await logIn(client, parameters, options);
    if (error !== undefined) client.end(error);
  };
  const server = createServer((socket) => {
    serve(socket).catch(() => socket.destroy());
  });
  return { ...(await listen(server)), startups, unknown };
}

// The answer to a client that is not let through, or undefined when it goes on.
async function logIn(
  client: Socket,
  parameters: Map<string, string>,
  options: Parameters<typeof startRdsAuthProxy>[0],
): Promise<Buffer | undefined> {
  const { host = "", password = "" } = Object.fromEntries(parameters);
  if (host !== options.allowed) {
    return fatal("host not allowed by ACL, or not configured for this proxy");
  }
  const raw = connect(options.databasePort, "127.0.0.1");
  raw.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
  await take(raw, 1);
  const servername = host.replace(/:\d+$/, "");
  const database = tls.connect({ socket: raw, servername, ca: options.databaseCa });
  client.once("close", () => database.destroy());
  database.on("error", () => client.destroy());
  await once(database, "secureConnect");
  const own = [...parameters].filter(([name]) => name !== "host" && name !== "password");
  database.write(startup(own));
  const method = (await take(database, 9)).readInt32BE(5);
  if (method === 10) return fatal("SASL auth not supported");
  if (method !== 3) return fatal("unsupported auth request, or unexpected message");
  database.write(message("p", `${password}\0`));
  const verdict = await take(database, 5);
  const rest = await take(database, verdict.readInt32BE(1) - 4);
  if (verdict[0] !== 0x52) return Buffer.concat([verdict, rest]);
  client.write(Buffer.concat([verdict, rest]));
  database.pipe(client);
  client.pipe(database);
  return undefined;
}

function startup(parameters: readonly (readonly [string, string])[]): Buffer {
  const text = Buffer.from(
    `${parameters.map(([name, value]) => `${name}\0${value}\0`).join("")}\0`,
  );
  const head = Buffer.alloc(8);
  head.writeInt32BE(text.length + 8, 0);
  head.writeInt32BE(STARTUP_3_0, 4);
  return Buffer.concat([head, text]);
}

function message(type: string, text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

function fatal(text: string): Buffer {
  return message("E", `SFATAL\0M${text}\0\0`);
}

async function takePacket(socket: Socket): Promise<Buffer> {
  const length = (await take(socket, 4)).readInt32BE(0);
  return take(socket, length - 4);
}

// Reads exactly so many bytes, and leaves the rest.
async function take(socket: Socket, count: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(count) as Buffer | null;
    if (bytes !== null) return bytes;
    if (socket.readableEnded || socket.destroyed) throw new Error("closed");
    await Promise.race([once(socket, "readable"), once(socket, "end"), once(socket, "close")]);
  }
}
