// The stand-in for RDS with every way to it: what to give rdsiam, and how the way's own process dies.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { makeLeaf } from "../../src/demo/certificates.ts";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { type SsmStandIn, startSsmStandIn } from "./ssm-stand-in.ts";
import { startStage } from "./stage.ts";
import { processes } from "./traces.ts";
import {
  lacking,
  type Server,
  type SshScene,
  startMicrosocks,
  startSshd,
  startTinyproxy,
  startTlsFront,
  startTunnel,
} from "./via-servers.ts";

/** The names of the ways. */
export const WAYS = [
  "tunnel",
  "socks5",
  "http",
  "https",
  "ssh",
  "ssm",
  "ssm-plugin",
  "command",
] as const;

/** One of the names. */
export type WayName = (typeof WAYS)[number];

/** A way that stands. */
export interface TestWay {
  /** The options of rdsiam. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Kills the process that carries the connections of the run with this mark. */
  readonly breakIt: (mark: string) => Promise<void>;
  /** Starts it again where that is not rdsiam's affair. */
  readonly mend: () => Promise<void>;
  /** Whether rdsiam itself runs the process, and can say that it died. */
  readonly isOurs: boolean;
}

/** The stand-in and what stands before it. */
export interface ViaScene extends AsyncDisposable {
  readonly standIn: StandIn;
  readonly ways: ReadonlyMap<WayName, TestWay>;
  readonly ssm: SsmStandIn;
  readonly ssh: SshScene | undefined;
  readonly tunnel: Server | undefined;
}

const PROGRAMS: Readonly<Record<WayName, readonly string[]>> = {
  tunnel: ["socat"],
  socks5: ["microsocks"],
  http: ["tinyproxy"],
  https: ["tinyproxy", "socat"],
  ssh: ["sshd", "ssh", "ssh-keygen"],
  ssm: [],
  "ssm-plugin": [],
  command: ["socat"],
};

/** A reason to skip a test of this way, or false. */
export function lackingFor(name: WayName): string | false {
  return lacking("psql", "pg_dump", ...PROGRAMS[name]);
}

/** Starts everything that this machine has the programs for, in front of the database of one target. */
export async function startViaScene(target: "prod" | "ledger" = "prod"): Promise<ViaScene> {
  const standIn = await startStage();
  const opened: AsyncDisposable[] = [standIn];
  const keep = <T extends AsyncDisposable>(part: T): T => {
    opened.push(part);
    return part;
  };
  const ways = new Map<WayName, TestWay>();
  const { port } = target === "prod" ? standIn.gateway : standIn.dsql;
  const has = (name: WayName): boolean => lackingFor(name) === false;
  const tunnel = has("tunnel") ? keep(await startTunnel(port)) : undefined;
  if (tunnel !== undefined) {
    ways.set("tunnel", served(tunnel, ["--via", `127.0.0.1:${tunnel.port}`], {}));
    ways.set("command", {
      args: ["--via", "command:socat - TCP:%h:%p"],
      env: {},
      breakIt: (mark) => killMarked(mark, (words) => words[0] === "socat"),
      mend: async () => {},
      isOurs: true,
    });
  }
  if (has("socks5")) {
    const server = keep(await startMicrosocks());
    ways.set(
      "socks5",
      served(server, [], proxied(`socks5://u:p%40ss%3Aw@127.0.0.1:${server.port}`)),
    );
  }
  if (has("http")) {
    const server = keep(await startTinyproxy(port));
    ways.set("http", served(server, [], proxied(`http://u:pw4u@127.0.0.1:${server.port}`)));
    if (has("https")) {
      const { front, caFile } = await tlsFront(standIn, server.port);
      const env = proxied(`https://u:pw4u@localhost:${keep(front).port}`);
      // Deno has a name of its own for it.
      const roots = { NODE_EXTRA_CA_CERTS: caFile, DENO_CERT: caFile };
      ways.set("https", served(front, [], { ...env, ...roots }));
    }
  }
  const ssh = has("ssh") ? keep(await startSshd()) : undefined;
  if (ssh !== undefined) ways.set("ssh", sshWay(ssh));
  const ssm = keep(await startSsmStandIn(standIn.keys));
  ways.set("ssm", {
    args: ["--via", "ssm://i-0123456789abcdef0"],
    env: ssm.env,
    breakIt: async () => {
      for (const session of ssm.sessions) session.end("by the service", "the test ends it");
    },
    mend: async () => {},
    isOurs: true,
  });
  ways.set("ssm-plugin", {
    args: ["--via", "ssm://i-0123456789abcdef0"],
    env: { ...ssm.env, RDSIAM_SSM_PLUGIN: "yes" },
    breakIt: async () => {
      const last = (await ssm.starts()).at(-1);
      if (last !== undefined) process.kill(last.pid, "SIGKILL");
    },
    mend: async () => {},
    isOurs: true,
  });
  const dispose = async (): Promise<void> => {
    for (const part of opened.toReversed()) await part[Symbol.asyncDispose]();
  };
  return { standIn, ways, ssm, ssh, tunnel, [Symbol.asyncDispose]: dispose };
}

/** The shared connections to this sshd that run at the moment. */
export async function sshMasters(ssh: SshScene | undefined): Promise<readonly number[]> {
  const all = await processes();
  return all
    .filter(({ words }) => words.includes("ControlMaster=yes"))
    .filter(({ words }) => words.includes(join(ssh?.directory ?? "", "config")))
    .map(({ pid }) => pid);
}

async function tlsFront(
  { authority, caFile, directory }: StandIn,
  port: number,
): Promise<{ front: Server; caFile: string }> {
  const leaf = await makeLeaf({ subject: "CN=localhost", names: ["localhost"], issuer: authority });
  const pem = join(directory, "proxy.pem");
  await writeFile(pem, `${leaf.cert}\n${leaf.key}\n`, { mode: 0o600 });
  return { front: await startTlsFront(port, pem), caFile };
}

function proxied(via: string): Readonly<Record<string, string>> {
  return { RDSIAM_VIA: via };
}

function served(
  server: Server,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): TestWay {
  return { args, env, breakIt: server.kill, mend: server.restart, isOurs: false };
}

function sshWay(ssh: SshScene): TestWay {
  return {
    args: ["--via", ssh.via],
    env: ssh.env,
    breakIt: async () => {
      for (const pid of await sshMasters(ssh)) process.kill(pid, "SIGKILL");
    },
    mend: async () => {},
    isOurs: true,
  };
}

async function killMarked(
  mark: string,
  isIt: (words: readonly string[]) => boolean,
): Promise<void> {
  for (const { pid, variables, words } of await processes()) {
    if (isIt(words) && variables.includes(`RDSIAM_TEST_MARK=${mark}`)) process.kill(pid, "SIGKILL");
  }
}
