// The stand-in for RDS itself: a TLS front that asks for an IAM auth token, before a real PostgreSQL.
// The texts of refusals are RDS's own; why a token was refused is recorded, and never sent.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
// https://www.postgresql.org/docs/current/protocol-flow.html
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { connect, createServer, type Server, type Socket } from "node:net";
import { type Duplex, pipeline, Transform } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { listen } from "../base/listen.ts";
import { type Decoded, SocketReader } from "../base/socket-reader.ts";
import { encodeAuthenticationCleartextPassword } from "../protocol/authentication.ts";
import { encodeFatalError } from "../protocol/error-response.ts";
import { readMessage } from "../protocol/message.ts";
import {
  encodeCancelRequest,
  encodeStartupMessage,
  readStartupPacket,
  type StartupMessage,
  startupParameter,
  type StartupPacket,
} from "../protocol/startup-packet.ts";
import { type DsqlOptions, refusedLogin, refuseStatements, withoutOptions } from "./dsql.ts";
import type { KeyStore } from "./keys.ts";
import {
  logInToRedshift,
  redshiftAnswers,
  type RedshiftOptions,
  startupForPostgres,
} from "./redshift.ts";
import { verifyAuthToken } from "./sigv4.ts";

const HOST = "127.0.0.1";
// PostgreSQL takes a password of up to 65,535 bytes (PG_MAX_AUTH_TOKEN_LENGTH, libpq/auth.h).
const LONGEST_PASSWORD_MESSAGE = 65_535 + 4;
const MAX_LOGIN = 1024 * 1024; // bytes that a reader holds
const IAM_FAILED = "IAM authentication failed for user";
const NEVER = new AbortController().signal;

/** How a gateway behaves and what stands behind it. */
export interface GatewayOptions {
  /** The names that RDS has for this database; a token must be signed for one of them. */
  readonly hosts: readonly string[];
  readonly region: string;
  readonly keys: KeyStore;
  /** PEM; may be replaced while the gateway runs. */
  readonly certificate: { readonly cert: string; readonly key: string };
  /** The unix socket of the real PostgreSQL. */
  readonly backendPath: string;
  readonly reservedUser: string;
  readonly isIamUser: (user: string) => Promise<boolean>;
  /** The port to listen on; any free one by default. */
  readonly port?: number | undefined;
  /** The port that a token must be signed for; the one listened on by default. */
  readonly databasePort?: number | undefined;
  /** Aurora DSQL: SNI is demanded, every login needs a token of its kind, and much of PostgreSQL is refused. */
  readonly dsql?: DsqlOptions | undefined;
  /** Redshift: every login needs a password that its API has issued. */
  readonly redshift?: RedshiftOptions | undefined;
  /** Whether IAM authentication is on; it is when absent. */
  readonly isIamOn?: (() => boolean) | undefined;
  /** Send no BackendKeyData, as RDS Proxy. */
  readonly omitBackendKeyData?: boolean | undefined;
  readonly now?: (() => Date) | undefined;
  /** Milliseconds that a paused cluster takes to resume: connections are taken, and nothing is answered until then. */
  readonly resumeTime?: number | undefined;
}

/** A login that was let through to PostgreSQL; only an IAM login has a host and a token's digest. */
export interface GatewayLogin {
  readonly user: string;
  readonly database: string;
  readonly signedHost: string | undefined;
  /** SHA-256 of the token, to tell a reused one from a new one. */
  readonly tokenDigest: string | undefined;
}

/** A login that was refused, with the reason, which the frontend does not get. */
export interface GatewayRefusal {
  readonly user: string;
  readonly reason: string;
}

/** Starts the gateway on a loopback port. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const gateway = new Gateway(options);
  await gateway.listen();
  return gateway;
}

/** The running gateway: its port, and what has happened on it. */
export class Gateway {
  readonly logins: GatewayLogin[] = [];
  readonly refusals: GatewayRefusal[] = [];
  /** Every token that was presented; a test looks for them where they must not be. */
  readonly tokens: string[] = [];
  connections = 0;
  cancels = 0;
  readonly #options: GatewayOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket | TLSSocket>();
  #secureContext: SecureContext;
  #port = 0;
  #resumed: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#secureContext = makeSecureContext(options.certificate);
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.connections += 1;
      this.#serve(socket).catch((error: unknown) => {
        this.refusals.push({ user: "", reason: String(error) });
        socket.destroy();
      });
    });
  }

  /** The port that it listens on. */
  get port(): number {
    return this.#port;
  }

  /** Binds the port. */
  async listen(): Promise<void> {
    const address = { host: HOST, port: this.#options.port ?? 0 };
    this.#port = await listen(this.#server, address);
  }

  /** Presents another certificate from the next connection on. */
  setCertificate(certificate: GatewayOptions["certificate"]): void {
    this.#secureContext = makeSecureContext(certificate);
  }

  /** Cuts every open connection with a reset or a FIN, and goes on listening. */
  cutConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cutConnections();
    await closed;
  }

  // Serves one accepted socket until it is handed to the backend or ended.
  async #serve(raw: Socket): Promise<void> {
    this.#track(raw);
    const { resumeTime } = this.#options;
    if (resumeTime !== undefined) await (this.#resumed ??= setTimeout(resumeTime));
    let arrival: Arrival = { socket: raw, reader: new SocketReader(raw, MAX_LOGIN) };
    let packet = await readPacket(arrival);
    const isEncrypted = packet?.kind === "SSLRequest" || packet?.kind === "ClientHello";
    if (isEncrypted) {
      const early = arrival.reader.detach();
      if (packet?.kind === "SSLRequest") {
        // CVE-2021-23214: bytes that came before the handshake must not be taken for encrypted ones.
        if (this.#options.dsql?.directOnly === true) return void raw.destroy();
        if (early.length > 0) {
          return refuse(raw, "08P01", "received unencrypted data after SSL request");
        }
        raw.write("S");
      }
      if (early.length > 0) raw.unshift(early);
      const socket = new TLSSocket(raw, {
        isServer: true,
        secureContext: this.#secureContext,
        ALPNProtocols: ["postgresql"],
      });
      this.#track(socket);
      arrival = { socket, reader: new SocketReader(socket, MAX_LOGIN) };
      packet = await readPacket(arrival);
    }
    const { socket } = arrival;
    switch (packet?.kind) {
      case undefined:
      case "junk":
        socket.end();
        return;
      case "CancelRequest": {
        this.cancels += 1;
        const backend = this.#openBackend(encodeCancelRequest(packet.processId, packet.secretKey));
        backend.on("close", () => socket.end());
        backend.end();
        backend.resume();
        return;
      }
      case "StartupMessage":
        return this.#logIn(arrival, packet.message, isEncrypted);
      case "refused":
        return refuse(socket, packet.sqlState, packet.message);
      case "unsupported version": {
        const { major, minor } = packet;
        const message = `unsupported frontend protocol ${major}.${minor}: server supports 3.0`;
        return refuse(socket, "0A000", message);
      }
      case "SSLRequest":
      case "GSSENCRequest":
      case "ClientHello":
        return refuse(socket, "08P01", "unexpected request during startup");
    }
  }

  async #logIn(arrival: Arrival, startup: StartupMessage, isEncrypted: boolean): Promise<void> {
    const { reader, socket } = arrival;
    const { isIamUser, reservedUser } = this.#options;
    const user = startupParameter(startup, "user")?.toString() ?? "";
    const database = startupParameter(startup, "database")?.toString() || user;
    const fail = (reason: string, message: string): void => {
      this.refusals.push({ user, reason });
      refuse(socket, "28000", message);
    };
    const names = `host "127.0.0.1", user "${user}", database "${database}"`;
    if (!isEncrypted) {
      return fail("not encrypted", `no pg_hba.conf entry for ${names}, no encryption`);
    }
    if (user === reservedUser) {
      return fail("reserved user", `pg_hba.conf rejects connection for ${names}, SSL encryption`);
    }
    const { dsql, hosts, redshift } = this.#options;
    if (redshift !== undefined) {
      const now = this.#options.now?.() ?? new Date();
      const login = await logInToRedshift(redshift, arrival, { user, now });
      if (login === undefined || !(await isIamUser(login.role))) {
        return fail("no such password", `password authentication failed for user "${user}"`);
      }
      this.logins.push({
        user,
        database,
        signedHost: undefined,
        tokenDigest: digest(login.password),
      });
      return this.#join(arrival, this.#openBackend(startupForPostgres(startup, login.role)));
    }
    const isDsql = dsql !== undefined;
    const sni = String((socket as TLSSocket).servername || "");
    const tokenHost = dsql?.tokenHost ?? sni;
    const refused = isDsql ? refusedLogin(startup, { ...dsql, hosts, sni }) : undefined;
    if (refused !== undefined) {
      this.refusals.push({ user, reason: refused.message });
      return refuse(socket, refused.sqlState, refused.message);
    }
    const packet = encodeStartupMessage(isDsql ? withoutOptions(startup) : startup);
    if (!isDsql && !(await isIamUser(user))) {
      this.logins.push({ user, database, signedHost: undefined, tokenDigest: undefined });
      return this.#join(arrival, this.#openBackend(packet));
    }
    // NegotiateProtocolVersion comes before the first authentication request, and the backend writes it.
    const negotiates =
      startup.minor > 0 ||
      startup.parameters.some(({ name }) => name.toString().startsWith("_pq_."));
    const early = negotiates ? await this.#openNegotiated(socket, packet) : undefined;
    socket.write(encodeAuthenticationCleartextPassword());
    const answer = await read(reader, (bytes) =>
      readMessage(bytes, (type) => (type === "p" ? LONGEST_PASSWORD_MESSAGE : 0)),
    );
    const isPassword = answer?.body.at(-1) === 0;
    const token = isPassword ? answer.body.toString("utf8", 0, answer.body.length - 1) : "";
    const verdict = isPassword
      ? this.#verify(token, user, isDsql && hosts.includes(tokenHost) ? [tokenHost] : hosts)
      : { ok: false as const, reason: "no password was sent" };
    if (!verdict.ok) {
      early?.destroy();
      const told = verdict.reason.startsWith("Wrong user") ? verdict.reason : IAM_FAILED;
      return fail(verdict.reason, isDsql ? told : `PAM authentication failed for user "${user}"`);
    }
    if (this.#options.isIamOn?.() === false) {
      return fail("IAM authentication is off", `PAM authentication failed for user "${user}"`);
    }
    if (isDsql && !(await isIamUser(user))) {
      return fail("no such role", `Role ${user} does not exist`);
    }
    const tokenDigest = digest(token);
    this.logins.push({ user, database, signedHost: verdict.host, tokenDigest });
    this.#join(arrival, early ?? this.#openBackend(packet));
  }

  async #openNegotiated(socket: Duplex, packet: Buffer): Promise<Socket> {
    const backend = this.#openBackend(packet);
    const reader = new SocketReader(backend, MAX_LOGIN);
    const first = await read(reader, (bytes) => readMessage(bytes, () => MAX_LOGIN));
    const isNegotiation = first?.type === "v";
    if (isNegotiation) socket.write(first.bytes);
    const rest = reader.detach();
    const head = isNegotiation || first === undefined ? rest : Buffer.concat([first.bytes, rest]);
    if (head.length > 0) backend.unshift(head);
    return backend;
  }

  #openBackend(packet: Buffer): Socket {
    const backend = connect({ path: this.#options.backendPath, allowHalfOpen: true });
    this.#track(backend);
    backend.write(packet);
    return backend;
  }

  #join({ reader, socket }: Arrival, backend: Socket): void {
    const early = reader.detach();
    if (early.length > 0) socket.unshift(early);
    const { dsql, omitBackendKeyData, redshift } = this.#options;
    const filters = [
      ...(omitBackendKeyData === true ? [backendKeyFilter()] : []),
      ...(redshift === undefined ? [] : [redshiftAnswers()]),
    ];
    const refusals = dsql === undefined ? [] : [refuseStatements()];
    // A leg that ends in order half-closes the other; a leg that breaks takes both down.
    const onEnd = (error: unknown): void => {
      if (error === undefined || error === null) return;
      backend.destroy();
      socket.destroy();
    };
    pipeline([socket, ...refusals, backend], onEnd);
    pipeline([backend, ...filters, socket], onEnd);
  }

  #verify(
    token: string,
    user: string,
    hosts: readonly string[],
  ): ReturnType<typeof verifyAuthToken> {
    this.tokens.push(token);
    return verifyAuthToken(token, {
      hosts,
      port: this.#options.databasePort ?? this.#port,
      region: this.#options.region,
      user,
      isDsql: this.#options.dsql !== undefined,
      find: (accessKeyId) => this.#options.keys.find(accessKeyId),
      now: this.#options.now?.() ?? new Date(),
    });
  }

  #track(socket: Socket | TLSSocket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
  }
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

function makeSecureContext(certificate: GatewayOptions["certificate"]): SecureContext {
  return createSecureContext({ ...certificate, minVersion: "TLSv1.2" });
}

// A client's socket, TLS or not, and the reader of its login.
interface Arrival {
  readonly socket: Duplex;
  readonly reader: SocketReader;
}

// The first packet that is not a GSSENCRequest; undefined when there is none.
async function readPacket({ reader, socket }: Arrival): Promise<StartupPacket | undefined> {
  for (let round = 0; round < 3; round += 1) {
    const packet = await read(reader, readStartupPacket);
    if (packet?.kind !== "GSSENCRequest") return packet;
    socket.write("N");
  }
  return undefined;
}

// Undefined when the socket ends before, or what it sends cannot be read.
async function read<T>(
  reader: SocketReader,
  decode: (bytes: Buffer) => Decoded<T> | undefined,
): Promise<T | undefined> {
  return await reader.take(decode, NEVER).catch(() => undefined);
}

function refuse(socket: Duplex, sqlState: string, message: string): void {
  socket.end(encodeFatalError({ sqlState, message }));
}

// Removes BackendKeyData from a backend's answers, as RDS Proxy never sends it.
// Messages are looked at until the first ReadyForQuery; after it everything is copied unread.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP
function backendKeyFilter(): Transform {
  let pending = Buffer.alloc(0);
  let isReady = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      pending = Buffer.concat([pending, chunk]);
      while (!isReady) {
        const message = readMessage(pending, () => Infinity);
        if (message === undefined) return done();
        const { type, bytes } = message.value;
        if (type !== "K") this.push(bytes);
        isReady = type === "Z";
        pending = pending.subarray(message.length);
      }
      this.push(pending);
      pending = Buffer.alloc(0);
      done();
    },
    flush(done) {
      done(undefined, pending);
    },
  });
}
