// The IAM proxy: listens on a loopback port that the system picks and serves each connection. It is told a backend, a
// secret and a function that makes tokens, and knows nothing of where they come from.
import { randomBytes } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { RdsIamError } from "../errors.ts";
import type { ErrorFields } from "../protocol/error-response.ts";
import type { Backend } from "./backend-login.ts";
import {
  type ConnectionContext,
  type Explanation,
  type ProxyEvent,
  serveConnection,
  type Token,
} from "./connection.ts";
import { scramVerifier } from "./scram.ts";
import { Sessions } from "./sessions.ts";

// The literal: with `localhost` another user's listener on [::1] got the secret and the query.
const LOOPBACK = "127.0.0.1";
const MAX_UNAUTHENTICATED = 64;
const MAX_SESSIONS = 100;
const LOGIN_TIMEOUT = 10_000; // ms
const BACKLOG = 511;
const SECRET_LENGTH = 32; // bytes

/** What a proxy is started with. */
export interface ProxyOptions {
  readonly backend: Backend;
  /** Local port; 0 lets the system pick one. */
  readonly port?: number;
  readonly authToken: (user: string, how: { readonly renew: boolean }) => Promise<Token>;
  /** DETAIL and HINT for a login that the server refused. */
  readonly explain?: (user: string, refusal: ErrorFields) => Explanation;
  readonly onEvent?: (event: ProxyEvent) => void;
  /** Milliseconds from a connection's first byte to its proof of the secret. */
  readonly loginTimeout?: number;
  readonly maxSessions?: number;
}

/** A proxy that is listening; disposing it closes the port and every connection. */
export interface Proxy extends AsyncDisposable {
  readonly host: typeof LOOPBACK;
  readonly port: number;
  /** The run's secret, which the tool proves by SCRAM-SHA-256. */
  readonly secret: string;
  /** Resolves when the listener itself fails; never rejects. */
  readonly failed: Promise<Error>;
}

/** Starts a proxy; rejects with ERR_CONNECT when the port cannot be had. */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const secret = randomBytes(SECRET_LENGTH).toString("base64url");
  const sessions = new Sessions({
    unauthenticated: MAX_UNAUTHENTICATED,
    sessions: options.maxSessions ?? MAX_SESSIONS,
  });
  const context: ConnectionContext = {
    backend: options.backend,
    verifier: scramVerifier(secret),
    sessions,
    loginTimeout: options.loginTimeout ?? LOGIN_TIMEOUT,
    authToken: options.authToken,
    explain: options.explain ?? (() => ({})),
    onEvent: options.onEvent ?? (() => {}),
  };
  const serving = new Set<Promise<void>>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket: Socket) => {
    const served = serveConnection(socket, context).finally(() => serving.delete(served));
    serving.add(served);
  });
  const port = await listen(server, options.port ?? 0);
  // Out of descriptors is told as an error of accept(); the listener itself goes on, so only its close counts.
  const failed = new Promise<Error>((resolve) => {
    let last = new Error("the listener was closed");
    server.on("error", (error) => (last = error));
    server.once("close", () => resolve(last));
  });
  const close = async (): Promise<void> => {
    server.close();
    sessions.destroyAll();
    await Promise.all(serving);
  };
  return { host: LOOPBACK, port, secret, failed, [Symbol.asyncDispose]: close };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const detail = `${error.code ?? error.message}: ${error.code === "EADDRINUSE" ? "another program listens there." : "the system refused it."}`;
      const hint = "Choose another --port, or leave it out for any free one.";
      reject(
        new RdsIamError(`could not listen on ${LOOPBACK} port ${port}`, {
          code: "ERR_CONNECT",
          detail,
          hint,
          cause: error,
        }),
      );
    });
    server.listen({ host: LOOPBACK, port, backlog: BACKLOG }, () => {
      server.removeAllListeners("error");
      resolve((server.address() as AddressInfo).port);
    });
  });
}
