// What is measured: ways for a tool to get to the same server. A subject says what a tool needs in its environment, and
// which process stands in between.
import { which } from "zx";
import { startLeashed } from "./leash.ts";
import { startPgbouncer, startStunnel } from "./peers.ts";
import { DATABASE, HOST, type Scene, TARGET, USER } from "./scene.ts";
import type { Launcher } from "./launchers.ts";

const MAX_CONNECTIONS = "2000"; // more than the row of idle sessions opens

/** Variables of a tool's environment. */
export type Environment = Readonly<Record<string, string>>;

/** A way to the server. */
export interface Subject extends AsyncDisposable {
  readonly name: string;
  /** What a tool that goes this way needs; undefined where no tool does. */
  readonly env: Environment | undefined;
  /** The process in between. */
  readonly pid?: number;
  /** How rdsiam itself is started, where the subject is rdsiam. */
  readonly launcher?: Launcher;
  /** Takes a new auth token, where it keeps one. */
  readonly renew?: (token: string) => Promise<void>;
}

/** A subject, or why it is not there. */
export type Prepared = Subject | { readonly name: string; readonly missing: string };

/** Variables for a tool that connects by itself: verified in full, as rdsiam does. */
export function directEnvironment(scene: Scene, token: string): Environment {
  return {
    PGHOST: HOST,
    PGHOSTADDR: "127.0.0.1",
    PGPORT: String(scene.server.port),
    PGSSLMODE: "verify-full",
    PGSSLROOTCERT: scene.caFile,
    PGGSSENCMODE: "disable",
    PGUSER: USER,
    PGDATABASE: DATABASE,
    PGPASSWORD: token,
  };
}

/** The tool alone. */
export async function prepareDirect(scene: Scene): Promise<Prepared> {
  return withToken("direct", await scene.makeToken(), (token) => directEnvironment(scene, token));
}

/** stunnel as a client that verifies the server, and adds TLS to a plaintext connection. */
export async function prepareStunnel(scene: Scene): Promise<Prepared> {
  const name = "stunnel";
  const program = await which("stunnel", { nothrow: true });
  if (program === null) return { name, missing: "not on this machine: apt-get install stunnel4" };
  const { port, process: leashed } = await startStunnel(program, scene);
  const env = (token: string): Environment => plainEnvironment(port, token);
  const subject = withToken(name, await scene.makeToken(), env);
  return Object.assign(subject, {
    pid: leashed.pid,
    [Symbol.asyncDispose]: () => leashed[Symbol.asyncDispose](),
  });
}

/** pgbouncer with session pooling and TLS towards the server; each server connection is used for one session. */
export async function preparePgbouncer(scene: Scene): Promise<Prepared> {
  const name = "pgbouncer";
  const program = await which("pgbouncer", { nothrow: true });
  if (program === null) return { name, missing: "not on this machine: apt-get install pgbouncer" };
  const { port, process: leashed, renew } = await startPgbouncer(program, scene);
  return {
    name,
    env: plainEnvironment(port, ""),
    pid: leashed.pid,
    renew,
    [Symbol.asyncDispose]: () => leashed[Symbol.asyncDispose](),
  };
}

/** The AWS CLI, which makes tokens for psql. */
export async function prepareAws(): Promise<Prepared> {
  const name = "aws";
  const program = await which("aws", { nothrow: true });
  if (program === null) return { name, missing: "not on this machine: apt-get install awscli" };
  return { name, env: undefined, [Symbol.asyncDispose]: async () => {} };
}

/** `rdsiam proxy` under one runtime. */
export async function prepareRdsiam(scene: Scene, launcher: Launcher): Promise<Prepared> {
  const words = [...launcher.words, "proxy", "--json", TARGET];
  const env = {
    ...scene.awsEnvironment,
    ...launcher.env,
    RDSIAM_MAX_CONNECTIONS: MAX_CONNECTIONS,
  };
  const leashed = await startLeashed(words, env);
  const ready: unknown = JSON.parse(await leashed.nextLine());
  const { port, password } = ready as { readonly port: number; readonly password: string };
  return {
    name: launcher.name,
    env: plainEnvironment(port, password),
    pid: leashed.pid,
    launcher,
    [Symbol.asyncDispose]: () => leashed[Symbol.asyncDispose](),
  };
}

function withToken(
  name: string,
  first: string,
  environment: (token: string) => Environment,
): Subject {
  let token = first;
  return {
    name,
    get env() {
      return environment(token);
    },
    renew: async (next) => void (token = next),
    [Symbol.asyncDispose]: async () => {},
  };
}

function plainEnvironment(port: number, password: string): Environment {
  return {
    PGHOST: "127.0.0.1",
    PGPORT: String(port),
    PGSSLMODE: "disable",
    PGGSSENCMODE: "disable",
    PGUSER: USER,
    PGDATABASE: DATABASE,
    PGPASSWORD: password,
  };
}
