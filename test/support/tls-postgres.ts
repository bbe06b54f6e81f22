// A real PostgreSQL with its own TLS on a loopback port, and no RDS in front: for logins with passwords. Its directory is
// its account's own; superuser's work goes through the unix socket in it.
// https://www.postgresql.org/docs/current/auth-pg-hba-conf.html
import { chown, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Certificate } from "../../src/demo/certificates.ts";
import { startGuarded, type Guarded } from "../../src/demo/guard.ts";
import { makePgClient } from "../../src/demo/pg-client.ts";
import {
  findAccount,
  findServer,
  type PostgresBinaries,
  prepareEmbedded,
  type ServerAccount,
} from "../../src/demo/postgres-binaries.ts";
import { makeServerDirectory, stopServer, SUPERUSER } from "../../src/demo/postgres.ts";
import { freePort } from "./via-servers.ts";

const START_LIMIT = 60_000; // ms

/** Who may log in, and what the server shows. */
export interface TlsPostgresOptions {
  readonly certificate: Certificate;
  /** Lines of pg_hba.conf for TCP connections. */
  readonly hba: readonly string[];
  /** Run as superuser once it is up. */
  readonly statements: readonly string[];
}

/** The running server. */
export interface TlsPostgres extends AsyncDisposable {
  readonly port: number;
  readonly query: (statement: string) => Promise<readonly Record<string, unknown>[]>;
  /** Its log so far. */
  readonly log: () => Promise<string>;
}

/** Starts a server; settles when it accepts connections. */
export async function startTlsPostgres(options: TlsPostgresOptions): Promise<TlsPostgres> {
  const env = { PATH: process.env["PATH"] };
  const account = findAccount(env);
  const found = await findServer({ env, from: [process.cwd()] });
  const directory = await makeServerDirectory(tmpdir(), account);
  const binaries = found.embedded
    ? await prepareEmbedded(found, { target: directory, shared: account !== undefined })
    : found;
  const parts = { account, binaries, directory };
  const server = await start(parts, options);
  const dispose = async (): Promise<void> => {
    await stopServer(server.process);
    await rm(directory, { recursive: true, force: true });
  };
  const { port } = server;
  const query = async (statement: string): Promise<readonly Record<string, unknown>[]> => {
    const client = makePgClient({ host: directory, port, user: SUPERUSER, database: "postgres" });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(statement)).rows;
    } finally {
      await client.end();
    }
  };
  try {
    await untilReady(query, server.process);
    for (const statement of options.statements) await query(statement);
  } catch (error) {
    await dispose();
    throw error;
  }
  const log = (): Promise<string> => readFile(join(directory, "log"), "utf8");
  return { port, query, log, [Symbol.asyncDispose]: dispose };
}

interface Parts {
  readonly account: ServerAccount | undefined;
  readonly binaries: PostgresBinaries;
  readonly directory: string;
}

async function start(
  parts: Parts,
  { certificate, hba }: TlsPostgresOptions,
): Promise<{ readonly port: number; readonly process: Guarded }> {
  const { account, directory } = parts;
  const data = join(directory, "data");
  const initdb = await guard(parts, ["initdb", "-D", data, "-U", SUPERUSER, "-A", "trust", "-N"]);
  await initdb.ended;
  if ((await initdb.finish("TERM")) !== 0) throw new Error("initdb failed");
  const files = {
    "hba.conf": `${["local all all trust", ...hba].join("\n")}\n`,
    "server.crt": certificate.cert,
    "server.key": certificate.key,
  };
  for (const [name, text] of Object.entries(files)) {
    const file = join(directory, name);
    await writeFile(file, text, { mode: 0o600 });
    if (account !== undefined) await chown(file, account.uid, account.gid);
  }
  const port = await freePort();
  const settings = {
    listen_addresses: "127.0.0.1",
    port,
    unix_socket_directories: directory,
    hba_file: join(directory, "hba.conf"),
    ssl: "on",
    ssl_cert_file: join(directory, "server.crt"),
    ssl_key_file: join(directory, "server.key"),
    fsync: "off",
    shared_buffers: "32MB",
    log_connections: "on",
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  return { port, process: await guard(parts, ["postgres", "-D", data, ...flags]) };
}

function guard(
  { account, binaries, directory }: Parts,
  [program = "", ...words]: readonly string[],
): Promise<Guarded> {
  const prefix = account?.prefix ?? [];
  const stepDown = account !== undefined && prefix.length === 0;
  return startGuarded({
    command: [...prefix, join(binaries.directory, program), ...words],
    env: { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" },
    directory,
    log: join(directory, "log"),
    lastSignal: program === "initdb" ? "KILL" : "QUIT",
    directories: [directory, directory],
    removeOnFinish: program === "postgres",
    account: stepDown ? { uid: account.uid, gid: account.gid } : undefined,
  });
}

async function untilReady(
  query: TlsPostgres["query"],
  { ended }: Pick<Guarded, "ended">,
): Promise<void> {
  let isUp = true;
  void ended.then(() => (isUp = false));
  for (const limit = Date.now() + START_LIMIT; ;) {
    try {
      await query("select 1");
      return;
    } catch (error) {
      if (!isUp || Date.now() > limit) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
