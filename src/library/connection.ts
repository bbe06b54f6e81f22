// Everything that a driver needs to connect, in one object that node-postgres and postgres.js both take as it is. TLS is
// verified as the command line verifies it: RDS's own roots alone, against the canonical host, whatever name is dialed.
// https://node-postgres.com/apis/client   https://github.com/porsager/postgres#connection-details
import { isIP, type LookupFunction, Socket } from "node:net";
import { Duplex } from "node:stream";
import { checkServerIdentity } from "node:tls";
import { callbackify } from "node:util";
import { RdsIamError } from "../base/errors.ts";
import { unnamedCluster } from "../rds/endpoint.ts";
import type { DatabaseEndpoint } from "../session/endpoint.ts";
import { checkReadOnly as checkSession, trustFor } from "../session/backend.ts";
import { readVia } from "../session/settings.ts";
import { type Access, openAccess } from "./access.ts";
import type { ConnectionOptions, ConnectionRequest, TlsOptions } from "./public.ts";
import { otherWays } from "./settings.ts";
import type { TokenSourceRegistry } from "./token-sources.ts";

/** Resolves a database into the options of a driver; the first token is made when the driver asks for it. */
export async function openConnection(
  request: ConnectionRequest,
  sources: Pick<TokenSourceRegistry, "find">,
): Promise<ConnectionOptions> {
  const access = await openAccess(request, sources);
  const { guard } = access.context;
  return guard(async () => {
    const forwarded = await forwardedPort(access);
    const endpoint = await access.locate();
    if (access.settings.readOnly) checkReadOnly(access, endpoint);
    const password = (): Promise<string> => guard(() => access.token(endpoint));
    const { user, dbname } = access.settings;
    const { host, port, lookup } = forwarded ?? direct(access, endpoint);
    const options = serverOptions(access, endpoint);
    return {
      host,
      port,
      user,
      database: dbname ?? user,
      password,
      ssl: await tlsOptions(access, endpoint),
      ...nodePostgres(access, lookup, options),
      ...postgresJs(access, { host, port, lookup, password, options }),
    };
  });
}

interface Dialed {
  readonly host: string;
  readonly port: number;
  /** Undefined for the system's own. */
  readonly lookup: LookupFunction | undefined;
}

// A tunnel that is open already has an address; any other would have to be kept open, and closed, by the program.
async function forwardedPort({ settings, context }: Access): Promise<Dialed | undefined> {
  const via = await readVia(context.log, settings);
  if (via.kind === "direct") return undefined;
  if (via.kind === "forwarded-port") return { host: via.host, port: via.port, lookup: undefined };
  const { describeVia } = await import("../via/parse.ts");
  throw new RdsIamError("the library cannot open a tunnel to the database", {
    code: "ERR_VIA",
    detail: `It is reached by ${describeVia(via)}, which has to be kept open.`,
    hint: otherWays(settings.words),
  });
}

// By name, so that each connection finds the address of its time; by the target's own DNS servers where it has some.
function direct({ settings }: Access, endpoint: DatabaseEndpoint): Dialed {
  const { dialHost: host, addresses } = endpoint;
  const { dnsServers, port } = settings;
  return { host, port, lookup: dnsServers.length === 0 ? undefined : lookupBy(addresses) };
}

function lookupBy(addresses: DatabaseEndpoint["addresses"]): LookupFunction {
  const ask = callbackify(addresses);
  return (_host, { all }, callback) =>
    ask((error, found) => {
      if (error) return callback(error, "");
      const [first] = found;
      if (all === true) return callback(null, [...found]);
      callback(null, first?.address ?? "", first?.family);
    });
}

async function tlsOptions(
  { settings, context }: Access,
  endpoint: DatabaseEndpoint,
): Promise<TlsOptions> {
  const { host } = endpoint;
  const { certificates } = await trustFor(context, { endpoint, settings });
  return {
    ca: [...certificates],
    // An address has no place in SNI (RFC 6066); the runtimes throw.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    minVersion: "TLSv1.2",
    rejectUnauthorized: true,
    checkServerIdentity: (_name, certificate) =>
      checkServerIdentity(host, certificate as Parameters<typeof checkServerIdentity>[1]),
  };
}

// rdsiam's own proxy sets it after the login there; a driver has no place for that.
function checkReadOnly({ settings }: Access, { host, kind }: DatabaseEndpoint): void {
  checkSession({ host, kind });
  if (kind !== "proxy" && kind !== "proxy-endpoint") return;
  throw new RdsIamError(`${host} cannot be opened read-only by a driver: it is an RDS Proxy`, {
    code: "ERR_USAGE",
    detail: "RDS Proxy refuses a StartupMessage with options.",
    hint: `Run: rdsiam proxy --read-only ${settings.words}, and connect to that; or leave {--read-only} and rds_read_only out, and run SET default_transaction_read_only = on in each new session.`,
  });
}

// The `options` of a StartupMessage.
function serverOptions({ settings }: Access, endpoint: DatabaseEndpoint): string | undefined {
  if (settings.readOnly) return "-c default_transaction_read_only=on";
  const clusterId = unnamedCluster(settings.host, endpoint);
  return clusterId === undefined ? undefined : `-c amzn-cluster-id=${clusterId}`;
}

function nodePostgres(
  { settings }: Access,
  lookup: LookupFunction | undefined,
  options: string | undefined,
) {
  const { applicationName, connectTimeout, hasConnectTimeout } = settings;
  return {
    ...(applicationName === undefined ? {} : { application_name: applicationName }),
    ...(hasConnectTimeout ? { connectionTimeoutMillis: connectTimeout * 1_000 } : {}),
    ...(options === undefined ? {} : { options }),
    ...(lookup === undefined ? {} : { stream: () => lookingUp(lookup) }),
  };
}

// node-postgres calls connect(port, host) on it.
function lookingUp(lookup: LookupFunction): Socket {
  const socket = new Socket();
  const connect = socket.connect.bind(socket);
  return Object.assign(socket, {
    connect: (port: number, host: string) => connect({ port, host, lookup }),
  });
}

interface Dial extends Dialed {
  readonly options: string | undefined;
  readonly password: () => Promise<string>;
}

// Session settings have a place in postgres.js's options whose name node-postgres uses for something else: they are put
// there when it dials. And a token that cannot be made has to fail here: from its password function that ends the process
// (it is not caught), and a socket function that throws would lose one of the pool's connections for good.
function postgresJs({ settings }: Access, { host, port, lookup, password, options }: Dial) {
  const { applicationName, connectTimeout, hasConnectTimeout } = settings;
  const session = {
    ...(applicationName === undefined ? {} : { application_name: applicationName }),
    ...(options === undefined ? {} : { options }),
  };
  const socket = async (driver: object = {}): Promise<Duplex> => {
    try {
      Object.assign(sessionOf(driver), session);
      await password();
    } catch (error) {
      return failing(error as Error);
    }
    return new Socket().connect(lookup === undefined ? { host, port } : { host, port, lookup });
  };
  return { ...(hasConnectTimeout ? { connect_timeout: connectTimeout } : {}), socket };
}

// It fails with the first word: sooner, and postgres.js 3.4.9 would never write on that connection of its pool again.
function failing(error: Error): Duplex {
  return new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done(error) });
}

function sessionOf(driver: { readonly connection?: unknown }): object {
  const { connection } = driver;
  if (typeof connection === "object" && connection !== null) return connection;
  throw new RdsIamError("the driver does not say what its sessions start with", {
    code: "ERR_USAGE",
    detail: "socket() is for postgres.js, which hands its own options to it.",
  });
}
