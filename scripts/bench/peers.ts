// The programs that people put between a tool and a TLS server today, set up to verify the server as rdsiam does.
// https://www.stunnel.org/static/stunnel.html, https://www.pgbouncer.org/config.html
import { chown, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { type Leashed, startLeashed } from "./leash.ts";
import { DATABASE, HOST, type Scene, USER } from "./scene.ts";
import { freePort } from "./server.ts";

const START_LIMIT = 20_000; // ms
const RETRY_DELAY = 20; // ms

/** A program that listens on a loopback port. */
export interface Peer {
  readonly port: number;
  readonly process: Leashed;
}

/** Starts stunnel. */
export async function startStunnel(program: string, scene: Scene): Promise<Peer> {
  const port = await freePort();
  const file = join(scene.directory, "stunnel.conf");
  const lines = [
    "foreground = yes",
    "pid =",
    "debug = 3",
    "socket = l:TCP_NODELAY=1",
    "socket = r:TCP_NODELAY=1",
    "[postgresql]",
    "client = yes",
    "protocol = pgsql",
    `accept = 127.0.0.1:${port}`,
    `connect = 127.0.0.1:${scene.server.port}`,
    `CAfile = ${scene.caFile}`,
    "verifyChain = yes",
    `checkHost = ${HOST}`,
    `sni = ${HOST}`,
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  return { port, process: await started([program, file], port) };
}

/** Starts pgbouncer; `renew` tells it another password. */
export async function startPgbouncer(
  program: string,
  scene: Scene,
): Promise<Peer & { readonly renew: (token: string) => Promise<void> }> {
  const port = await freePort();
  const { account } = scene.server;
  const file = join(scene.directory, "pgbouncer.ini");
  const users = join(scene.directory, "pgbouncer-users.txt");
  const write = async (token: string): Promise<void> => {
    const text = pgbouncerConfiguration({ scene, port, users, token });
    await writeFile(file, text, { mode: 0o600 });
    await writeFile(users, `"${USER}" ""\n`, { mode: 0o600 });
    for (const own of account === undefined ? [] : [file, users]) {
      await chown(own, account?.uid ?? 0, account?.gid ?? 0);
    }
  };
  await write(await scene.makeToken());
  const leashed = await started([...(account?.prefix ?? []), program, "-q", file], port);
  const renew = async (token: string): Promise<void> => {
    await write(token);
    process.kill(leashed.pid, "SIGHUP");
  };
  return { port, process: leashed, renew };
}

function pgbouncerConfiguration(options: {
  readonly scene: Scene;
  readonly port: number;
  readonly users: string;
  readonly token: string;
}): string {
  const { port, scene, token, users } = options;
  return `[databases]
${DATABASE} = host=127.0.0.1 port=${scene.server.port} user=${USER} password='${token}'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = session
max_client_conn = 2000
default_pool_size = 2000
; One login at the server for each login of a tool, as with everything else that is measured.
server_lifetime = 0
server_reset_query =
server_tls_sslmode = verify-full
server_tls_ca_file = ${scene.caFile}
ignore_startup_parameters = extra_float_digits
`;
}

async function started(words: readonly string[], port: number): Promise<Leashed> {
  const leashed = await startLeashed(words, {});
  try {
    await Promise.race([leashed.ended, untilListening(port)]);
    return leashed;
  } catch (error) {
    await leashed[Symbol.asyncDispose]();
    throw error;
  }
}

async function untilListening(port: number): Promise<void> {
  for (const limit = Date.now() + START_LIMIT; Date.now() < limit; await delay(RETRY_DELAY)) {
    const socket = connect({ host: "127.0.0.1", port });
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
  }
  throw new Error(`nothing listens on port ${port}`);
}
