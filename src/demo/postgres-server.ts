// The process of the stand-in's PostgreSQL: a temporary directory, a unix socket and no port, never
// run as root. Users in rds_iam are trusted on that socket, because the gateway before it has
// verified their token; everyone else is asked for SCRAM-SHA-256.
// https://www.postgresql.org/docs/current/auth-pg-hba-conf.html
import { chmod, chown, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";

import { RdsIamError } from "../base/errors.ts";
import { startGuarded } from "./guard.ts";
import type { Guarded } from "./guard.ts";
import { makePgClient } from "./pg-client.ts";
import { isReachableByOthers } from "./postgres-account.ts";
import type { ServerAccount } from "./postgres-account.ts";
import type { FindServerOptions, PostgresBinaries } from "./postgres-binaries.ts";

/** The bootstrap superuser, named as on RDS. */
export const SUPERUSER = "rdsadmin";

/** Only part of the socket's name: no TCP port is opened. */
export const PORT = 5432;
/** The socket's file name in the server's directory. */
export const SOCKET_NAME = `.s.PGSQL.${PORT}`;
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
  port: String(PORT),
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
  /** Another directory to remove with the server's own. */
  readonly alsoRemove?: string | undefined;
}

/** Makes a temporary directory that the server's account owns and a socket's path fits in. */
export async function makeServerDirectory(
  preferred: string,
  account: ServerAccount | undefined,
): Promise<string> {
  const longest = join(preferred, "rdsiam-pg-XXXXXX", SOCKET_NAME);
  const reachable = account === undefined || isReachableByOthers(preferred);
  const parent = reachable && longest.length <= LONGEST_SOCKET_PATH ? preferred : "/tmp";
  const directory = await mkdtemp(join(parent, "rdsiam-pg-"));
  await chmod(directory, 0o700);
  if (account !== undefined) await chown(directory, account.uid, account.gid);
  return directory;
}

/** What a server is made of. */
export interface StartParts {
  readonly account: ServerAccount | undefined;
  readonly binaries: PostgresBinaries;
  readonly directory: string;
  readonly options: PostgresOptions;
}

/** Makes a data directory, starts the server and waits until it accepts connections. */
export async function startServer(parts: StartParts): Promise<Guarded> {
  const { directory } = parts;
  const hba = join(directory, "hba.conf");
  const data = join(directory, "data");
  await writeFile(hba, HBA, { mode: 0o644 });
  const words = ["-U", SUPERUSER, "-E", "UTF8", "--locale=C", "-A", "trust", "--no-sync"];
  const initdb = await guard(parts, ["initdb", "-D", data, ...words, "--no-instructions"]);
  await initdb.ended;
  if ((await initdb.finish("TERM")) !== 0) throw await startFailure(parts, "initdb failed");
  const settings = { ...SETTINGS, hba_file: hba, unix_socket_directories: directory };
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
  let alive = true;
  void server.ended.then(() => {
    alive = false;
  });
  for (const limit = Date.now() + START_LIMIT; alive && Date.now() < limit;) {
    const client = makePgClient({
      host: parts.directory,
      port: PORT,
      user: SUPERUSER,
      database: "postgres",
    });
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
