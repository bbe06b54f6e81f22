// The stand-in for RDS itself: a TLS front that asks for an IAM auth token, before a real PostgreSQL.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
import { createHash } from "node:crypto";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { createSecureContext } from "node:tls";
import type { SecureContext, TLSSocket } from "node:tls";

import { listen } from "../base/listen.ts";
import { verifyAuthToken } from "./sigv4.ts";
import { serveSession } from "./gateway-session.ts";
import type { KeyStore } from "./keys.ts";

const HOST = "127.0.0.1";

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
  /** Send no BackendKeyData, as RDS Proxy. */
  readonly omitBackendKeyData?: boolean | undefined;
  readonly now?: (() => Date) | undefined;
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

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#secureContext = makeSecureContext(options.certificate);
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.connections += 1;
      this.#serve(socket);
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

  #serve(socket: Socket): void {
    const { backendPath, isIamUser, omitBackendKeyData, reservedUser } = this.#options;
    const session = serveSession(socket, {
      secureContext: () => this.#secureContext,
      backendPath,
      omitBackendKeyData: omitBackendKeyData ?? false,
      reservedUser,
      isIamUser,
      verify: (token, user) => this.#verify(token, user),
      track: (tracked) => this.#track(tracked),
      onCancel: () => {
        this.cancels += 1;
      },
      onRefusal: (user, reason) => this.refusals.push({ user, reason }),
      onLogin: (startup, token, signedHost) => {
        const tokenDigest = token && createHash("sha256").update(token).digest("hex");
        this.logins.push({
          user: startup.user,
          database: startup.database,
          signedHost,
          tokenDigest,
        });
      },
    });
    session.catch((error: unknown) => {
      this.refusals.push({ user: "", reason: String(error) });
      socket.destroy();
    });
  }

  #verify(token: string, user: string): ReturnType<typeof verifyAuthToken> {
    this.tokens.push(token);
    return verifyAuthToken(token, {
      hosts: this.#options.hosts,
      port: this.#options.databasePort ?? this.#port,
      region: this.#options.region,
      user,
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

function makeSecureContext(certificate: GatewayOptions["certificate"]): SecureContext {
  return createSecureContext({ ...certificate, minVersion: "TLSv1.2" });
}
