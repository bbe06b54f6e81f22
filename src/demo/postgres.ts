// A real PostgreSQL server for the stand-in, with a superuser's connection to it: a temporary directory, a unix socket and no
// port, never run as root, and gone when we are. Users in rds_iam are trusted on that socket, because the gateway before it
// has verified their token; all others are asked for SCRAM-SHA-256. Where it is to serve TLS itself, it gets a loopback port.
// https://www.postgresql.org/docs/current/auth-pg-hba-conf.html
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import type { Client, QueryResult } from "pg";
import { RdsIamError } from "../base/errors.ts";
import { listen } from "../base/listen.ts";
import type { Certificate } from "./certificates.ts";
import { type Guarded, startGuarded } from "./guard.ts";
import { makePgClient } from "./pg-client.ts";
import {
  findAccount,
  findServer,
  type FindServerOptions,
  isReachableByOthers,
  type PostgresBinaries,
  prepareEmbedded,
  type ServerAccount,
} from "./postgres-binaries.ts";

/** The bootstrap superuser, named as on RDS. */
export const SUPERUSER = "rdsadmin";

// Only part of the socket's name, where no TCP port is opened.
const PORT = 5432;
const LOOPBACK = "127.0.0.1";
// sun_path is 104 bytes on macOS and 108 on Linux, with a final zero.
const LONGEST_SOCKET_PATH = 103;
const START_LIMIT = 60_000;
const STOP_LIMIT = 5000;
const RETRY_DELAY = 20;

const HBA = `local all ${SUPERUSER} trust
local replication ${SUPERUSER} trust
local all +rds_iam trust
local replication +rds_iam trust
local all all scram-sha-256
local replication all scram-sha-256
`;

const SETTINGS = {
  listen_addresses: "",
  unix_socket_permissions: "0700",
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  max_connections: "200",
  shared_buffers: "32MB",
  wal_level: "logical",
  max_wal_senders: "10",
  max_replication_slots: "10",
  password_encryption: "scram-sha-256",
  timezone: "UTC",
};

/** Where the server comes from and where its directory goes. */
export interface PostgresOptions extends FindServerOptions {
  readonly temporaryDirectory: string;
  /** The server, where it was found already. */
  readonly found?: PostgresBinaries | undefined;
  /** Another directory to remove with the server's own. */
  readonly alsoRemove?: string | undefined;
  /** TLS of its own on a loopback port: the certificate, and the lines of pg_hba.conf for those who come there. */
  readonly tls?: { readonly certificate: Certificate; readonly hba: readonly string[] } | undefined;
  /** Settings beside the usual ones, or instead of them. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

/** Finds, makes and starts a server; settles when it accepts connections. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const account = findAccount(options.env);
  const found = options.found ?? (await findServer(options));
  const directory = await makeServerDirectory(options.temporaryDirectory, account);
  try {
    const shared = account !== undefined;
    const binaries = found.embedded
      ? await prepareEmbedded(found, { target: directory, shared })
      : found;
    const port = options.tls === undefined ? PORT : await freePort();
    const server = await startServer({ account, binaries, directory, options, port });
    return new Postgres({ binaries, directory, port, server });
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** A loopback port that nobody has at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, { host: LOOPBACK, port: 0 });
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The running server, with a superuser's connection to it. */
export class Postgres {
  readonly directory: string;
  readonly binaries: PostgresBinaries;
  readonly superuser = SUPERUSER;
  readonly port: number;
  /** The postmaster's process id. */
  readonly pid: number;
  readonly #server: Guarded;
  #client: Promise<Client> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(parts: {
    readonly binaries: PostgresBinaries;
    readonly directory: string;
    readonly port: number;
    readonly server: Guarded;
  }) {
    this.directory = parts.directory;
    this.port = parts.port;
    this.binaries = parts.binaries;
    this.pid = parts.server.pid;
    this.#server = parts.server;
  }

  /** The unix socket that it listens on. */
  get socketPath(): string {
    return join(this.directory, socketName(this.port));
  }

  /** The server's own log so far. */
  async readLog(): Promise<string> {
    return await readFile(join(this.directory, "log"), "utf8");
  }

  /** A new superuser's client of one database, not connected yet. */
  makeClient(database: string): Client {
    return makePgClient({ host: this.directory, port: this.port, user: SUPERUSER, database });
  }

  /** Runs a statement as superuser in the database postgres, on a connection that is kept. */
  async query(sql: string, values: readonly unknown[] = []): Promise<QueryResult> {
    // One after the other: node-postgres warns of queries that wait inside the client.
    const asked = this.#last.then(async () => {
      this.#client ??= this.#connect();
      const client = await this.#client;
      return await client.query(sql, [...values]);
    });
    this.#last = asked.catch(() => undefined);
    return await asked;
  }

  /** Whether a user is in rds_iam, directly or through other roles. */
  async isIamUser(user: string): Promise<boolean> {
    const { rows } = await this.query(
      `WITH RECURSIVE roles(oid) AS (
         SELECT oid FROM pg_roles WHERE rolname = $1
         UNION SELECT m.roleid FROM pg_auth_members m JOIN roles ON m.member = roles.oid)
       SELECT 1 FROM roles JOIN pg_roles r USING (oid) WHERE r.rolname = 'rds_iam'`,
      [user],
    );
    return rows.length > 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped ??= this.#stop();
    await this.#stopped;
  }

  async #connect(): Promise<Client> {
    const client = this.makeClient("postgres");
    client.on("end", () => {
      this.#client = undefined;
    });
    try {
      await client.connect();
    } catch (error) {
      this.#client = undefined;
      throw error;
    }
    return client;
  }

  async #stop(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    await client?.end().catch(() => undefined);
    await stopServer(this.#server);
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Makes a temporary directory that the server's account owns and a socket's path fits in. */
export async function makeServerDirectory(
  preferred: string,
  account: ServerAccount | undefined,
): Promise<string> {
  const longest = join(preferred, "rdsiam-pg-XXXXXX", socketName(65_535));
  const reachable = account === undefined || isReachableByOthers(preferred);
  const parent = reachable && longest.length <= LONGEST_SOCKET_PATH ? preferred : "/tmp";
  const directory = await mkdtemp(join(parent, "rdsiam-pg-"));
  await chmod(directory, 0o700);
  if (account !== undefined) await chown(directory, account.uid, account.gid);
  return directory;
}

// The socket's file name in the server's directory.
function socketName(port: number): string {
  return `.s.PGSQL.${port}`;
}

interface StartParts {
  readonly account: ServerAccount | undefined;
  readonly binaries: PostgresBinaries;
  readonly directory: string;
  readonly options: PostgresOptions;
  readonly port: number;
}

// Makes a data directory, starts the server and waits until it accepts connections.
async function startServer(parts: StartParts): Promise<Guarded> {
  const { directory } = parts;
  const data = join(directory, "data");
  const words = ["-U", SUPERUSER, "-E", "UTF8", "--locale=C", "-A", "trust", "--no-sync"];
  const initdb = await guard(parts, ["initdb", "-D", data, ...words, "--no-instructions"]);
  await initdb.ended;
  if ((await initdb.finish("TERM")) !== 0) throw await startFailure(parts, "initdb failed");
  const settings = await furnish(parts);
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = await guard(parts, ["postgres", "-D", data, ...flags]);
  try {
    await waitUntilReady(parts, server);
  } catch (error) {
    await stopServer(server);
    throw error;
  }
  return server;
}

// Writes the server's files, and answers its settings.
async function furnish(parts: StartParts): Promise<Readonly<Record<string, string>>> {
  const { account, directory, options, port } = parts;
  const { settings, tls } = options;
  const hba = join(directory, "hba.conf");
  const [certificate, key] = [join(directory, "server.crt"), join(directory, "server.key")];
  await writeFile(hba, [HBA, ...(tls?.hba ?? [])].join("\n"), { mode: 0o644 });
  const own = { hba_file: hba, unix_socket_directories: directory, port: String(port) };
  if (tls === undefined) return { ...SETTINGS, ...own, ...settings };
  await writeFile(certificate, tls.certificate.cert);
  await writeFile(key, tls.certificate.key, { mode: 0o600 });
  if (account !== undefined) await chown(key, account.uid, account.gid);
  const served = { ssl: "on", ssl_cert_file: certificate, ssl_key_file: key };
  return { ...SETTINGS, ...own, listen_addresses: LOOPBACK, ...served, ...settings };
}

async function guard(parts: StartParts, command: readonly string[]): Promise<Guarded> {
  const { account, binaries, directory, options } = parts;
  const [program = "", ...words] = command;
  const prefix = account?.prefix ?? [];
  const stepDown = account !== undefined && prefix.length === 0;
  return await startGuarded({
    command: [...prefix, join(binaries.directory, program), ...words],
    env: { PATH: options.env["PATH"], LC_ALL: "C", TZ: "UTC" },
    directory,
    log: join(directory, "log"),
    lastSignal: program === "initdb" ? "KILL" : "QUIT",
    directories: [directory, options.alsoRemove ?? directory],
    removeOnFinish: program === "postgres",
    account: stepDown ? { uid: account.uid, gid: account.gid } : undefined,
  });
}

async function waitUntilReady(parts: StartParts, server: Guarded): Promise<void> {
  const { directory: host, port } = parts;
  let alive = true;
  void server.ended.then(() => {
    alive = false;
  });
  for (const limit = Date.now() + START_LIMIT; alive && Date.now() < limit;) {
    const client = makePgClient({ host, port, user: SUPERUSER, database: "postgres" });
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY));
    }
  }
  throw await startFailure(parts, alive ? "it accepts no connections" : "it ended at once");
}

async function startFailure(parts: StartParts, what: string): Promise<RdsIamError> {
  const log = await readFile(join(parts.directory, "log"), "utf8").catch(() => "");
  const last = log.trim().split("\n").slice(-5).join(" ");
  return new RdsIamError("cannot start the stand-in's PostgreSQL server", {
    code: "ERR_CONFIG",
    detail: `${parts.binaries.directory} was used and ${what}. Its log ends with: ${last}`,
    hint: "Install another server, for example: apt-get install postgresql",
  });
}

/** Stops the server: fast, then at once, then by force. */
export async function stopServer(server: Guarded): Promise<void> {
  const timers = (["SIGQUIT", "SIGKILL"] as const).map((signal, at) =>
    setTimeout(() => signalSafely(server.pid, signal), STOP_LIMIT * (at + 1)),
  );
  await server.finish("INT");
  for (const timer of timers) clearTimeout(timer);
}

function signalSafely(pid: number, signal: "SIGQUIT" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in this very moment.
  }
}
