// A relay in a process of its own before the stand-in for RDS, as an operator would run it.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeLeaf } from "../../src/demo/certificates.ts";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { cleanEnvironment, COMMAND } from "./program.ts";
import { until } from "./traces.ts";

/** The stand-in's own IAM user. */
export const DEMO_USER = "arn:aws:iam::123456789012:user/demo";

/** What a relay stands before: a stand-in for RDS, or as much of one as it takes. */
export interface RelayStage extends Pick<
  StandIn,
  "authority" | "caFile" | "canonicalHost" | "directory" | "env"
> {
  readonly dns: { readonly address: string };
  readonly gateway: { readonly port: number };
}

/** What a relay is run with. */
export interface TestRelayOptions {
  /** The sections of its file behind [relay] and [target orders]. */
  readonly rules: string;
  /** Further keys of [relay]. */
  readonly keys?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Words that start the program behind them. */
  readonly before?: readonly string[];
}

/** A relay that listens. */
export interface TestRelay extends AsyncDisposable {
  readonly port: number;
  /** `relay://localhost:PORT?ca=FILE`, with a client certificate's files where they are given. */
  readonly via: (client?: { readonly cert: string; readonly key: string }) => string;
  readonly output: () => string;
  readonly child: ChildProcess;
  readonly configFile: string;
}

let count = 0;

/** Writes a relay's files into the stand-in's directory, and starts it. */
export async function startTestRelay(
  standIn: RelayStage,
  options: TestRelayOptions,
): Promise<TestRelay> {
  const directory = standIn.directory;
  count += 1;
  const file = (name: string): string => join(directory, `relay-${count}-${name}`);
  const leaf = await makeLeaf({
    subject: "CN=relay",
    names: ["localhost", "relay.example.com"],
    issuer: standIn.authority,
  });
  await writeFile(file("tls.crt"), leaf.cert);
  await writeFile(file("tls.key"), leaf.key, { mode: 0o600 });
  await writeFile(file("config"), relayConfig(standIn, options));
  const words = ["relay", "--config", file("config"), "--listen", "127.0.0.1:0"];
  words.push("--tls-cert", file("tls.crt"), "--tls-key", file("tls.key"), ...(options.args ?? []));
  const [program = "", ...rest] = [...(options.before ?? []), ...COMMAND, ...words];
  const child = spawn(program, rest, {
    env: cleanEnvironment({ ...standIn.env, ...options.env }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  }
  const port = await listeningPort(child, () => output);
  const via: TestRelay["via"] = (client) => {
    const files = client === undefined ? "" : `&cert=${client.cert}&key=${client.key}`;
    return `relay://localhost:${port}?ca=${standIn.caFile}${files}`;
  };
  const dispose = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  };
  return {
    port,
    via,
    output: () => output,
    child,
    configFile: file("config"),
    [Symbol.asyncDispose]: dispose,
  };
}

function relayConfig(standIn: RelayStage, { keys = "", rules }: TestRelayOptions): string {
  const { canonicalHost, dns, gateway } = standIn;
  return `[relay]
region = eu-west-1
networks = 127.0.0.0/8
dns_servers = ${dns.address}
${keys}
[target orders]
host = ${canonicalHost}
port = ${gateway.port}
tags = env=prod

${rules}`;
}

async function listeningPort(child: ChildProcess, output: () => string): Promise<number> {
  let port = 0;
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`the relay ended: ${output()}`);
    port = Number(/listens at \S+ port (\d+)/.exec(output())?.[1] ?? 0);
    return port > 0;
  }, "the relay listens");
  return port;
}
