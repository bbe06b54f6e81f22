// What is measured: ways for a tool to get to the same server. A subject says what a tool needs in its environment, and which
// processes stand in between. rdsiam is measured in several ways of working, each under several runtimes.
// https://www.stunnel.org/static/stunnel.html, https://www.pgbouncer.org/config.html
import { chown, cp, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import process from "node:process";
import { $, which } from "zx";
import { findAccount } from "../../src/demo/postgres-binaries.ts";
import { freePort } from "../../src/demo/postgres.ts";
import { runtimePath } from "../runtimes.ts";
import { type Environment, type Program, startProgram, type ToolRun } from "./processes.ts";
import { DATABASE, HOST, REGION, type Scene, SELECT, TARGET, USER, USER_ARN } from "./scene.ts";

/** A way to the server. */
export interface Subject extends AsyncDisposable {
  readonly name: string;
  /** What a tool that goes this way needs; undefined where no tool does. */
  readonly env?: Environment;
  /** The processes in between. */
  readonly pids: readonly number[];
  /** rdsiam itself, where it is measured as a program that starts. */
  readonly launcher?: Launcher;
  /** What prints a row of psql. */
  readonly firstRow: ToolRun;
  /** Whether the first row is counted from the start of the process in between. */
  readonly isFromStart?: boolean;
}

/** rdsiam under a runtime, and the same runtime with a program that does nothing. */
export interface Launcher {
  readonly words: readonly string[];
  readonly empty: readonly string[];
  readonly env: Environment;
}

const RUNTIMES = ["node20", "node", "bun", "deno", "binary"] as const;
const MODES = { rdsiam, relay, "pass-through": passThrough };

/** What is measured when nothing is named. */
export const USUAL = "direct,stunnel,pgbouncer,aws,rdsiam,relay,pass-through";
/** What `all` stands for. */
export const ALL =
  "direct,aws,stunnel,pgbouncer,rdsiam-node,rdsiam-bun,rdsiam-binary,relay-node,relay-binary,pass-through-node,pass-through-binary";

/** What starts a subject by its name: MODE of rdsiam under the Node that runs this, MODE-RUNTIME under another one. */
export function subjects(
  scene: Scene,
  // Other builds of rdsiam, and command lines of other proxies, by name.
  { also, tools }: Readonly<Record<"also" | "tools", Readonly<Record<string, string>>>>,
) {
  const launchers = new Map<string, () => Promise<Launcher>>([
    ["", () => script(scene, [process.execPath], scene.bundle)],
    ...RUNTIMES.map((name) => [`-${name}`, () => launch(scene, name)] as const),
  ]);
  for (const [name, file] of Object.entries(also)) {
    launchers.set(`-${name}`, () => script(scene, [process.execPath], resolve(file)));
  }
  const all = new Map<string, () => Promise<Subject>>([
    ["direct", async () => direct(scene)],
    ["stunnel", () => stunnel(scene)],
    ["pgbouncer", () => pgbouncer(scene)],
    ["aws", () => aws(scene)],
  ]);
  for (const [mode, start] of Object.entries(MODES)) {
    for (const [suffix, launcher] of launchers) {
      const name = `${mode}${suffix}`;
      all.set(name, async () => start(scene, await launcher(), name));
    }
  }
  for (const [name, command] of Object.entries(tools)) {
    all.set(name, () => otherProxy(scene, name, command));
  }
  return async (name: string): Promise<Subject> => {
    const start = all.get(name);
    if (start === undefined) throw new TypeError(`there are ${[...all.keys()].join(", ")}`);
    return await start();
  };
}

async function launch(scene: Scene, name: (typeof RUNTIMES)[number]): Promise<Launcher> {
  const program = await runtimePath(name === "binary" ? "bun" : name);
  if (program === undefined) throw new Error("not to be had for this machine");
  const words = name === "deno" ? [program, "run", "-A", "--no-lock", "--no-prompt"] : [program];
  const launcher = await script(scene, words, scene.bundle);
  if (name !== "binary") return launcher;
  const [binary, empty] = [`${scene.directory}/rdsiam`, `${scene.directory}/empty`];
  // The file of a program that runs cannot be written to.
  await cp(resolve("build/rdsiam"), binary, { force: false });
  const options = ["--compile", "--minify", "--bytecode", `--outfile=${empty}`];
  await $({ quiet: true })`${program} build ${launcher.empty.at(-1)} ${options}`;
  return { ...launcher, words: [binary], empty: [empty] };
}

async function script(scene: Scene, runtime: readonly string[], file: string): Promise<Launcher> {
  const empty = `${scene.directory}/empty.cjs`;
  await writeFile(empty, "");
  return { words: [...runtime, file], empty: [...runtime, empty], env: await scene.env() };
}

// The tool alone: verified in full, as rdsiam does.
function direct(scene: Scene): Subject {
  const place = { PGHOST: HOST, PGHOSTADDR: "127.0.0.1", PGPORT: String(scene.postgres.port) };
  const tls = { PGSSLMODE: "verify-full", PGSSLROOTCERT: scene.caFile };
  return withTools("direct", { ...plain(0, scene.token), ...place, ...tls });
}

// The AWS CLI, which makes tokens for psql.
async function aws(scene: Scene): Promise<Subject> {
  const place = ["--hostname", HOST, "--port", String(scene.postgres.port), "--username", USER];
  const program = await which("aws");
  const token = [program, "rds", "generate-db-auth-token", ...place, "--region", REGION];
  const words = ["sh", "-c", 'PGPASSWORD=$("$@") exec psql -XAtc "select 1"', "sh", ...token];
  const env = { ...direct(scene).env, ...(await scene.env()), AWS_PROFILE: TARGET };
  return { name: "aws", pids: [], firstRow: { words, env }, ...closing() };
}

async function stunnel(scene: Scene): Promise<Subject> {
  const program = await which("stunnel");
  const port = await freePort();
  const file = `${scene.directory}/stunnel-${port}.conf`;
  const text = `foreground = yes
pid =
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
[postgresql]
client = yes
protocol = pgsql
accept = 127.0.0.1:${port}
connect = 127.0.0.1:${scene.postgres.port}
CAfile = ${scene.caFile}
verifyChain = yes
checkHost = ${HOST}
sni = ${HOST}
`;
  await writeFile(file, text);
  const running = await startProgram(scene.directory, [program, file], { ready: port });
  return withTools("stunnel", plain(port, scene.token), running);
}

// With session pooling: each server connection is used for one session, as with everything else that is measured.
async function pgbouncer(scene: Scene): Promise<Subject> {
  const program = await which("pgbouncer");
  const port = await freePort();
  const account = findAccount({ PATH: process.env["PATH"] });
  const [file, users] = [`${scene.directory}/${port}.ini`, `${scene.directory}/${port}.txt`];
  const text = `[databases]
${DATABASE} = host=127.0.0.1 port=${scene.postgres.port} user=${USER} password='${scene.token}'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = session
max_client_conn = 2000
default_pool_size = 2000
server_lifetime = 0
server_reset_query =
server_tls_sslmode = verify-full
server_tls_ca_file = ${scene.caFile}
ignore_startup_parameters = extra_float_digits
`;
  await writeFile(file, text, { mode: 0o600 });
  await writeFile(users, `"${USER}" ""\n`, { mode: 0o600 });
  for (const each of [file, users]) {
    if (account !== undefined) await chown(each, account.uid, account.gid);
  }
  const words = [...(account?.prefix ?? []), program, "-q", file];
  const running = await startProgram(scene.directory, words, { ready: port });
  return withTools("pgbouncer", plain(port, ""), running);
}

// A proxy by its command line; it may log in itself, or pass the token on.
async function otherProxy(scene: Scene, name: string, command: string): Promise<Subject> {
  const port = await freePort();
  const target = { AWS_PROFILE: TARGET, AWS_REGION: REGION, LISTEN: String(port) };
  const env = { ...(await scene.env()), ...direct(scene).env, ...target };
  const shell = ["sh", "-c", `exec ${command}`];
  const program = await startProgram(scene.directory, shell, { env, ready: port });
  const tool = { ...plain(port, scene.token), PGSSLMODE: "prefer" };
  return { ...withTools(name, tool, program), isFromStart: true };
}

async function rdsiam(scene: Scene, launcher: Launcher, name: string): Promise<Subject> {
  const { env, program } = await proxy(scene, launcher);
  const firstRow = { words: [...launcher.words, "psql", TARGET, ...SELECT], env: launcher.env };
  // What does not depend on the way to the server is measured once.
  const own = name.startsWith("rdsiam") ? { launcher } : {};
  return { ...withTools(name, env, program), ...own, firstRow };
}

async function relay(scene: Scene, launcher: Launcher, name: string): Promise<Subject> {
  const { caFile, certFile, directory, keyFile } = scene;
  const file = `${directory}/${name}.ini`;
  const text = `[relay]
listen = 127.0.0.1:0
tls_cert = ${certFile}
tls_key = ${keyFile}
region = ${REGION}
networks = 127.0.0.0/8
dns_servers = ${scene.dnsServers}
[target bench]
host = ${HOST}
port = ${scene.postgres.port}
[allow bench]
arn = ${USER_ARN}
targets = *
`;
  await writeFile(file, text);
  const words = [...launcher.words, "relay", "--config", file];
  const { env } = launcher;
  const program = await startProgram(directory, words, { env, ready: /listens at \S+ port (\d+)/ });
  const via = { RDSIAM_VIA: `relay://localhost:${program.said[1]}?ca=${caFile}` };
  const starting = rdsiam(scene, { ...launcher, env: { ...env, ...via } }, name);
  const subject = await starting.catch((error) =>
    program[Symbol.asyncDispose]().then(() => Promise.reject(error)),
  );
  return { ...subject, pids: [...subject.pids, program.pid], ...closing(subject, program) };
}

// TLS on both sides; the tool itself logs in at the server.
async function passThrough(scene: Scene, launcher: Launcher, name: string): Promise<Subject> {
  const { caFile, certFile, keyFile, token } = scene;
  const serve = ["--auth", "pass-through", "--tls-cert", certFile, "--tls-key", keyFile];
  const { env, program } = await proxy(scene, launcher, [...serve, "--require-tls"]);
  const tls = { PGSSLMODE: "verify-ca", PGSSLROOTCERT: caFile, PGPASSWORD: token };
  return withTools(name, { ...env, ...tls }, program);
}

async function proxy(scene: Scene, { env, words }: Launcher, more: readonly string[] = []) {
  const all = [...words, "proxy", "--json", "--max-connections=2000", ...more, TARGET];
  const program = await startProgram(scene.directory, all, { env, ready: /^\{.*\}$/m });
  const ready = JSON.parse(program.said[0] ?? "") as { password?: string; port: number };
  return { env: plain(ready.port, ready.password ?? ""), program };
}

function withTools(name: string, env: Environment, program?: Program): Subject {
  const firstRow = { words: ["psql", ...SELECT], env };
  if (program === undefined) return { name, env, pids: [], firstRow, ...closing() };
  return { name, env, pids: [program.pid], firstRow, ...closing(program) };
}

function closing(...parts: readonly AsyncDisposable[]): AsyncDisposable {
  const dispose = async (): Promise<void> => {
    for (const part of parts) await part[Symbol.asyncDispose]();
  };
  return { [Symbol.asyncDispose]: dispose };
}

function plain(port: number, password: string): Environment {
  const place = { PGHOST: "127.0.0.1", PGPORT: String(port), PGSSLMODE: "disable" };
  const login = { PGUSER: USER, PGDATABASE: DATABASE, PGPASSWORD: password };
  return { ...place, PGGSSENCMODE: "disable", ...login };
}
