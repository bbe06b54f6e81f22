// One connection to the stand-in's gateway: TLS, the login as RDS asks for it, then bytes.
// The texts of refusals are RDS's own; why a token was refused is recorded, and never sent.
// https://www.postgresql.org/docs/current/protocol-flow.html
import { Buffer } from "node:buffer";
import { connect } from "node:net";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream";
import { TLSSocket } from "node:tls";
import type { SecureContext } from "node:tls";

import type { AuthTokenVerdict } from "./sigv4.ts";
import { makeBackendKeyFilter } from "./backend-key-filter.ts";
import { ByteReader } from "./byte-reader.ts";
import {
  CLEARTEXT_PASSWORD,
  encodeFatal,
  LONGEST_STARTUP_PACKET,
  readFirstPacket,
} from "./startup-packet.ts";
import type { LoginPacket } from "./startup-packet.ts";

// PostgreSQL takes a password of up to 65,535 bytes (PG_MAX_AUTH_TOKEN_LENGTH, libpq/auth.h).
const LONGEST_PASSWORD_MESSAGE = 65_535;
const TLS_HANDSHAKE = 0x16;
const PASSWORD_MESSAGE = 0x70;
const NO_PASSWORD: AuthTokenVerdict = { ok: false, reason: "no password was sent" };

/** What a session needs from its gateway. */
export interface GatewaySessionContext {
  readonly secureContext: () => SecureContext;
  readonly backendPath: string;
  readonly omitBackendKeyData: boolean;
  /** The superuser, which cannot log in through the gateway, as rdsadmin on RDS. */
  readonly reservedUser: string;
  readonly isIamUser: (user: string) => Promise<boolean>;
  readonly verify: (token: string, user: string) => AuthTokenVerdict;
  /** Keeps a socket so that closing the gateway ends it. */
  readonly track: (socket: Socket | TLSSocket) => void;
  readonly onCancel: () => void;
  readonly onRefusal: (user: string, reason: string) => void;
  readonly onLogin: (startup: LoginPacket, token: string | undefined, host?: string) => void;
}

/** Serves one accepted socket until it is handed to the backend or ended. */
export async function serveSession(socket: Socket, context: GatewaySessionContext): Promise<void> {
  context.track(socket);
  const reader = new ByteReader(socket);
  const first = await reader.peek(1);
  if (first?.[0] === TLS_HANDSHAKE) {
    await serveTls(socket, reader.release(), context);
    return;
  }
  const packet = await readPacket(socket, reader, "tls");
  if (packet === undefined) return;
  if (packet === "S") {
    const early = reader.release();
    if (early.length > 0) {
      // CVE-2021-23214: bytes that came before the handshake must not be taken for encrypted ones.
      socket.end(encodeFatal("08P01", "received unencrypted data after SSL request"));
      return;
    }
    socket.write("S");
    await serveTls(socket, early, context);
    return;
  }
  await serveFirstPacket({ socket, reader, packet, encrypted: false }, context);
}

interface Arrival {
  readonly socket: Duplex;
  readonly reader: ByteReader;
  readonly packet: Buffer;
  readonly encrypted: boolean;
}

async function serveTls(
  socket: Socket,
  early: Buffer,
  context: GatewaySessionContext,
): Promise<void> {
  if (early.length > 0) socket.unshift(early);
  const secured = new TLSSocket(socket, {
    isServer: true,
    secureContext: context.secureContext(),
    ALPNProtocols: ["postgresql"],
  });
  context.track(secured);
  const reader = new ByteReader(secured);
  const packet = await readPacket(secured, reader, "plain");
  if (packet === undefined || packet === "S") return;
  await serveFirstPacket({ socket: secured, reader, packet, encrypted: true }, context);
}

// Answers GSSENCRequest by itself; an SSLRequest comes back as "S" where TLS may begin.
async function readPacket(
  socket: Duplex,
  reader: ByteReader,
  mode: "tls" | "plain",
): Promise<Buffer | "S" | undefined> {
  for (let round = 0; round < 3; round += 1) {
    const head = await reader.peek(8);
    const length = head?.readUInt32BE(0) ?? 0;
    if (length < 8 || length > LONGEST_STARTUP_PACKET) break;
    const packet = await reader.read(length);
    if (packet === undefined) break;
    const { kind } = readFirstPacket(packet);
    if (kind === "SSLRequest" && mode === "tls") return "S";
    if (kind !== "GSSENCRequest") return packet;
    socket.write("N");
  }
  socket.end();
  return undefined;
}

async function serveFirstPacket(arrival: Arrival, context: GatewaySessionContext): Promise<void> {
  const { socket, packet, encrypted } = arrival;
  const first = readFirstPacket(packet);
  if (first.kind === "CancelRequest") {
    context.onCancel();
    const backend = openBackend(packet, context);
    backend.on("close", () => socket.end());
    backend.end();
    backend.resume();
    return;
  }
  if (first.kind === "invalid") {
    socket.end(encodeFatal(first.sqlstate, first.message));
    return;
  }
  if (first.kind !== "StartupMessage") {
    socket.end(encodeFatal("08P01", "unexpected request during startup"));
    return;
  }
  const names = `host "127.0.0.1", user "${first.user}", database "${first.database}"`;
  if (!encrypted) {
    context.onRefusal(first.user, "not encrypted");
    socket.end(encodeFatal("28000", `no pg_hba.conf entry for ${names}, no encryption`));
    return;
  }
  if (first.user === context.reservedUser) {
    context.onRefusal(first.user, "reserved user");
    const message = `pg_hba.conf rejects connection for ${names}, SSL encryption`;
    socket.end(encodeFatal("28000", message));
    return;
  }
  await logIn(arrival, first, context);
}

async function logIn(
  arrival: Arrival,
  startup: LoginPacket,
  context: GatewaySessionContext,
): Promise<void> {
  const { packet, reader, socket } = arrival;
  if (!(await context.isIamUser(startup.user))) {
    context.onLogin(startup, undefined);
    join(arrival, openBackend(packet, context), { head: Buffer.alloc(0), context });
    return;
  }
  // NegotiateProtocolVersion comes before the first authentication request, and the backend writes it.
  const early = startup.negotiates ? await openNegotiated(arrival, context) : undefined;
  socket.write(CLEARTEXT_PASSWORD);
  const token = await readPassword(reader);
  const verdict = token === undefined ? NO_PASSWORD : context.verify(token, startup.user);
  if (!verdict.ok) {
    early?.backend.destroy();
    context.onRefusal(startup.user, verdict.reason);
    const message = `PAM authentication failed for user "${startup.user}"`;
    socket.end(encodeFatal("28000", message));
    return;
  }
  context.onLogin(startup, token, verdict.host);
  const backend = early?.backend ?? openBackend(packet, context);
  join(arrival, backend, { head: early?.head ?? Buffer.alloc(0), context });
}

async function openNegotiated(
  arrival: Arrival,
  context: GatewaySessionContext,
): Promise<{ readonly backend: Socket; readonly head: Buffer }> {
  const backend = openBackend(arrival.packet, context);
  const reader = new ByteReader(backend);
  const head = await reader.peek(5);
  if (head?.[0] === "v".charCodeAt(0)) {
    const message = await reader.read(1 + head.readUInt32BE(1));
    if (message !== undefined) arrival.socket.write(message);
  }
  return { backend, head: reader.release() };
}

async function readPassword(reader: ByteReader): Promise<string | undefined> {
  const head = await reader.read(5);
  if (head?.[0] !== PASSWORD_MESSAGE) return undefined;
  const length = head.readUInt32BE(1) - 4;
  if (length < 1 || length > LONGEST_PASSWORD_MESSAGE) return undefined;
  const bytes = await reader.read(length);
  return bytes?.at(-1) === 0 ? bytes.subarray(0, -1).toString("utf8") : undefined;
}

function openBackend(packet: Buffer, context: GatewaySessionContext): Socket {
  const backend = connect({ path: context.backendPath, allowHalfOpen: true });
  context.track(backend);
  backend.write(packet);
  return backend;
}

function join(
  arrival: Arrival,
  backend: Socket,
  rest: { readonly head: Buffer; readonly context: GatewaySessionContext },
): void {
  const { reader, socket } = arrival;
  const typed = reader.release();
  if (typed.length > 0) backend.write(typed);
  const filters = rest.context.omitBackendKeyData ? [makeBackendKeyFilter()] : [];
  if (rest.head.length > 0) backend.unshift(rest.head);
  // A leg that ends in order half-closes the other; a leg that breaks takes both down.
  const onEnd = (error: unknown): void => {
    if (error === undefined || error === null) return;
    backend.destroy();
    socket.destroy();
  };
  pipeline([socket, backend], onEnd);
  pipeline([backend, ...filters, socket], onEnd);
}
