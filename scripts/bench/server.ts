// The PostgreSQL server that everything is measured against: TLS on a loopback port, a certificate for an RDS name, and
// auth tokens checked by an LDAP server. Superuser's work goes through its unix socket.
// https://www.postgresql.org/docs/current/auth-ldap.html
import { chown, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import type { Certificate } from "../../src/demo/certificates.ts";
import { type Guarded, startGuarded } from "../../src/demo/guard.ts";
import { makePgClient } from "../../src/demo/pg-client.ts";
import {
  findAccount,
  findServer,
  type PostgresBinaries,
  prepareEmbedded,
  type ServerAccount,
} from "../../src/demo/postgres-binaries.ts";
import { makeServerDirectory, stopServer } from "../../src/demo/postgres.ts";

const SUPERUSER = "rdsadmin";
const START_LIMIT = 60_000; // ms
const RETRY_DELAY = 50; // ms

// Steady rather than lifelike: nothing is written to disk, and nothing runs by itself in the middle of a measurement.
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_permissions: "0700",
  ssl: "on",
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  autovacuum: "off",
  jit: "off",
  wal_level: "minimal",
  max_wal_senders: "0",
  max_wal_size: "8GB",
  checkpoint_timeout: "1d",
  max_connections: "1100",
  shared_buffers: "768MB",
  dynamic_shared_memory_type: "mmap",
};

/** What a server is made of. */
export interface ServerOptions {
  /** Where its directory is made. */
  readonly parent: string;
  readonly certificate: Certificate;
  readonly ldapPort: number;
}

/** A running server. */
export interface Server extends AsyncDisposable {
  readonly port: number;
  readonly version: string;
  readonly binDirectory: string;
  /** The directory of its unix socket, where everybody is trusted. */
  readonly socketDirectory: string;
  readonly account: ServerAccount | undefined;
  /** Runs statements, one after the other, as superuser or as the user who is named. */
  readonly query: (statements: string | readonly string[], as?: Login) => Promise<readonly Row[]>;
}

/** Who runs statements, and where. */
export interface Login {
  readonly user: string;
  readonly database: string;
}

/** A row of an answer. */
export type Row = Readonly<Record<string, unknown>>;

/** Makes a data directory, starts the server and waits until it accepts connections. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const env = { PATH: process.env["PATH"] };
  const account = findAccount(env);
  const found = await findServer({ env, from: [import.meta.dirname] });
  const directory = await makeServerDirectory(options.parent, account);
  const binaries = found.embedded
    ? await prepareEmbedded(found, { target: directory, shared: account !== undefined })
    : found;
  const port = await freePort();
  const parts = { account, binaries, directory, options, port };
  await initialise(parts);
  const server = await guard(parts, ["postgres", "-D", join(directory, "data"), ...flags(parts)]);
  try {
    await untilReady(parts, server);
  } catch (error) {
    await stopServer(server);
    throw error;
  }
  return {
    port,
    account,
    version: binaries.version,
    binDirectory: binaries.directory,
    socketDirectory: directory,
    query: (statements, as) => query(client(parts, as), [statements].flat()),
    [Symbol.asyncDispose]: async () => {
      await stopServer(server);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A loopback port that nobody has at this moment, below the range from which the system picks. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    await new Promise((resolve) => server.close(resolve));
    if (isFree) return port;
  }
}

interface Parts {
  readonly account: ServerAccount | undefined;
  readonly binaries: PostgresBinaries;
  readonly directory: string;
  readonly options: ServerOptions;
  readonly port: number;
}

async function initialise(parts: Parts): Promise<void> {
  const { account, directory, options } = parts;
  const words = ["-U", SUPERUSER, "-E", "UTF8", "--locale=C", "-A", "trust", "--no-sync"];
  const initdb = await guard(parts, ["initdb", "-D", join(directory, "data"), ...words]);
  await initdb.ended;
  if ((await initdb.finish("TERM")) !== 0) throw await startFailure(parts);
  const ldap = `ldap ldapserver=127.0.0.1 ldapport=${options.ldapPort} ldapprefix="" ldapsuffix=""`;
  const files = {
    "hba.conf": `local all all trust\nhostssl all +rds_iam 127.0.0.1/32 ${ldap}\n`,
    "server.crt": options.certificate.cert,
    "server.key": options.certificate.key,
  };
  for (const [name, text] of Object.entries(files)) {
    const file = join(directory, name);
    await writeFile(file, text, { mode: 0o600 });
    if (account !== undefined) await chown(file, account.uid, account.gid);
  }
}

function flags({ directory, port }: Parts): readonly string[] {
  const own = {
    port,
    hba_file: join(directory, "hba.conf"),
    unix_socket_directories: directory,
    ssl_cert_file: join(directory, "server.crt"),
    ssl_key_file: join(directory, "server.key"),
  };
  const all = [...Object.entries(SETTINGS), ...Object.entries(own)];
  return all.flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

async function guard(parts: Parts, command: readonly string[]): Promise<Guarded> {
  const { account, binaries, directory } = parts;
  const [program = "", ...words] = command;
  const prefix = account?.prefix ?? [];
  const stepDown = account !== undefined && prefix.length === 0;
  return await startGuarded({
    command: [...prefix, join(binaries.directory, program), ...words],
    // LDAPNOINIT: what the machine's ldap.conf says is no concern of this server's.
    env: { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC", LDAPNOINIT: "1" },
    directory,
    log: join(directory, "log"),
    lastSignal: program === "initdb" ? "KILL" : "QUIT",
    directories: [directory, parts.options.parent],
    removeOnFinish: false,
    account: stepDown ? { uid: account.uid, gid: account.gid } : undefined,
  });
}

async function untilReady(parts: Parts, server: Guarded): Promise<void> {
  let alive = true;
  void server.ended.then(() => (alive = false));
  for (const limit = Date.now() + START_LIMIT; alive && Date.now() < limit;) {
    try {
      await query(client(parts), ["select 1"]);
      return;
    } catch {
      await delay(RETRY_DELAY);
    }
  }
  throw await startFailure(parts);
}

async function startFailure({ directory, binaries }: Parts): Promise<Error> {
  const log = await readFile(join(directory, "log"), "utf8").catch(() => "");
  const last = log.trim().split("\n").slice(-5).join(" ");
  return new Error(`PostgreSQL of ${binaries.directory} does not start: ${last}`);
}

function client(parts: Parts, as: Login = { user: SUPERUSER, database: "postgres" }): Client {
  return makePgClient({ host: parts.directory, port: parts.port, ...as });
}

async function query(connection: Client, statements: readonly string[]): Promise<readonly Row[]> {
  await connection.connect();
  try {
    let rows: readonly Row[] = [];
    for (const statement of statements) ({ rows } = await connection.query<Row>(statement));
    return rows;
  } finally {
    await connection.end();
  }
}
