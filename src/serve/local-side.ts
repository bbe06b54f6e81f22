// Prepares the local side of a proxy: from its options to what it is started with. The files (password, certificate, the
// socket's directory) are checked before AWS is asked for anything.
import { RdsIamError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { FrontendTls } from "../proxy/frontend-tls.ts";
import type { LocalSide } from "../proxy/proxy-options.ts";

/** The options of the local side. */
export interface LocalOptions {
  /** "iam" even for a target with a password command; "pass-through" leaves the login to the tool and the server. */
  readonly auth: "iam" | "pass-through" | undefined;
  /** Only the target's own user is logged in by rdsiam; all others log in by themselves. */
  readonly matchUser: boolean;
  readonly clientAuth: "scram-sha-256" | "password" | "trust";
  /** An IP address; undefined for the loopback one. */
  readonly host: string | undefined;
  /** The directory of a unix socket. */
  readonly socket: string | undefined;
  /** Of the first target, the others follow; undefined for the targets' own. */
  readonly port: number | undefined;
  readonly tls:
    | {
        readonly cert: string;
        readonly key: string;
        readonly clientCa: string | undefined;
        readonly required: boolean;
      }
    | undefined;
  readonly passwordFile: string | undefined;
  /** Milliseconds. */
  readonly idleTimeout: number | undefined;
  readonly sessionTimeout: number | undefined;
  readonly maxSessions: number;
  /** Of one database user. */
  readonly maxUserSessions: number | undefined;
}

/** The local side of one target. */
export interface OwnSide {
  readonly side: LocalSide & { readonly maxSessions: number };
  /** To be called when it listens. */
  readonly listening: () => Promise<void>;
  /** Removes what is left of it. */
  readonly close: () => Promise<void>;
}

/** Makes the local side of the target that is the `index`th, with its rds_local_port. */
export type SideFor = (index: number, ownPort: number | undefined) => Promise<OwnSide>;

const DEFAULT_SOCKET_PORT = 5432; // what libpq looks for
const HIGHEST_PORT = 65_535;

/** Reads and checks the files; rejects with an error in them. */
export async function prepareLocalSide(log: Log, options: LocalOptions): Promise<SideFor> {
  const { auth, clientAuth, host } = options;
  const { idleTimeout, maxSessions, maxUserSessions, sessionTimeout } = options;
  const limits = { idleTimeout, maxSessions, maxUserSessions, sessionTimeout };
  const secret = await readSecret(options);
  if (secret !== undefined) log.addSecret(secret);
  const tls = await frontendTls(log, options);
  if (clientAuth === "trust" && auth !== "pass-through") {
    log.warning({
      message: "every client that can reach the proxy gets in (--client-auth trust)",
      detail:
        options.socket === undefined
          ? "Any user and any program of this machine can use the database as you."
          : "Any program of yours can use the database as you.",
    });
  }
  return async (index, ownPort) => {
    const port = portOf(options, index, ownPort);
    const common = { port, secret, clientAuth, tls, ...limits };
    const none = (): Promise<void> => Promise.resolve();
    if (options.socket === undefined)
      return { side: { host, ...common }, listening: none, close: none };
    const { prepareSocket } = await import("./socket-directory.ts");
    const socket = await prepareSocket(options.socket, port);
    return {
      side: { socketPath: socket.path, ...common },
      listening: socket.restrict,
      close: socket.remove,
    };
  };
}

function portOf(
  { port, socket }: LocalOptions,
  index: number,
  ownPort: number | undefined,
): number {
  const first = port ?? ownPort ?? (socket === undefined ? 0 : DEFAULT_SOCKET_PORT);
  const isRow = port !== undefined || (socket !== undefined && ownPort === undefined);
  const own = isRow && first > 0 ? first + index : first;
  if (own <= HIGHEST_PORT && (own > 0 || socket === undefined)) return own;
  throw new RdsIamError(
    own === 0 ? "a unix socket cannot take any free port" : `${own} is not a valid port`,
    {
      code: "ERR_USAGE",
      detail: "Several targets use one port each, from --port on.",
      hint: own === 0 ? "Leave --port out for 5432, or name one." : "Start with a lower --port.",
    },
  );
}

async function readSecret({ passwordFile }: LocalOptions): Promise<string | undefined> {
  if (passwordFile === undefined) return undefined;
  const { passwordFrom } = await import("./password-file.ts");
  return passwordFrom(passwordFile);
}

async function frontendTls(log: Log, { tls }: LocalOptions): Promise<FrontendTls | undefined> {
  if (tls === undefined) return undefined;
  const { followCertificate } = await import("./certificate-files.ts");
  const certificate = await followCertificate(tls, (message) => log.warning({ message }));
  return { certificate, required: tls.required };
}
