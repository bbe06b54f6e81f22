// The stand-in for Systems Manager in Go (test/slow/ssm-agent), and AWS's own session-manager-plugin from the same modules, built
// where Go is. The plugin is started as `aws ssm start-session` starts it.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import process from "node:process";
import { cleanEnvironment, run } from "./program.ts";
import { programFile } from "./via-servers.ts";

const SOURCE = resolve("test/slow/ssm-agent");
const BUILT = resolve("build/ssm-agent");
const PLUGIN = "github.com/aws/session-manager-plugin/src/sessionmanagerplugin-main";
const READY_LIMIT = 30_000; // ms

/** The programs that were built. */
export interface SsmPrograms {
  readonly agent: string;
  readonly plugin: string;
}

/** A stand-in that runs, in Go or not. */
export interface SsmService extends AsyncDisposable {
  /** Where the calls of the API and of KMS go. */
  readonly endpoint: string;
  /** What its clients need: the endpoints, credentials, and the roots of its wss://. */
  readonly env: Readonly<Record<string, string>>;
  /** Does something to every session that is open; answers how many there were. */
  readonly control: (order: SsmOrder) => Promise<SsmCount>;
}

/**
 * To every session: cut its WebSocket, or say goodbye first; restart the agent, which is away for half a second; pause_publication,
 * start_publication, channel_closed; or nothing.
 */
export type SsmOrder = "cut" | "bye" | "restart" | "pause" | "start" | "close" | "count";

/** What a session forwards to. */
export interface SsmDestination {
  readonly host: string;
  readonly port: number;
}

/** The sessions of a stand-in. */
export interface SsmCount {
  readonly started: number;
  readonly resumed: number;
  readonly open: number;
}

/** A PEM certificate of the stand-in for `localhost`, and its root; paths. */
export interface SsmCertificate {
  readonly cert: string;
  readonly key: string;
  readonly root: string;
}

/** Builds the stand-in and the plugin; a sentence where that cannot be. */
export async function buildSsmPrograms(): Promise<SsmPrograms | string> {
  const go = programFile("go");
  if (go === undefined) return "Go is not on this machine";
  await mkdir(BUILT, { recursive: true });
  const programs = {
    agent: join(BUILT, "ssm-agent"),
    plugin: join(BUILT, "session-manager-plugin"),
  };
  const builds = [
    [programs.agent, "."],
    [programs.plugin, PLUGIN],
  ] as const;
  const env = {
    HOME: process.env["HOME"],
    GOFLAGS: process.env["GOFLAGS"],
    GOPROXY: process.env["GOPROXY"],
  };
  for (const [output, what] of builds) {
    const built = await run([go, "build", "-buildvcs=false", "-o", output, what], {
      env,
      cwd: SOURCE,
    });
    if (built.status !== 0) return `go build: ${built.stderr.trim()}`;
  }
  return programs;
}

/** Starts the stand-in in Go; `words` are its options. */
export async function startSsmAgent(
  { agent }: SsmPrograms,
  certificate: SsmCertificate,
  words: readonly string[],
): Promise<SsmService> {
  const options = ["-cert", certificate.cert, "-key", certificate.key, "-latency", "5ms", ...words];
  const child = spawn(agent, options, {
    // It ends with its input: no failure of this process leaves it running.
    stdio: ["pipe", "pipe", "inherit"],
    env: cleanEnvironment(),
  });
  const [, ready] = await printed(child, /^(\{.*\})$/m);
  const { endpoint } = JSON.parse(ready ?? "") as { endpoint: string };
  return {
    endpoint,
    env: {
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "not-a-secret",
      AWS_REGION: "eu-west-1",
      AWS_ENDPOINT_URL_SSM: endpoint,
      AWS_ENDPOINT_URL_KMS: endpoint,
      SSL_CERT_FILE: certificate.root,
      NODE_EXTRA_CA_CERTS: certificate.root,
      DENO_CERT: certificate.root,
    },
    control: async (order) => {
      const answer = await fetch(`${endpoint}/control/${order}`);
      return (await answer.json()) as SsmCount;
    },
    [Symbol.asyncDispose]: () => ended(child),
  };
}

/** The parameters of StartSession. */
export function sessionRequest({ host, port }: SsmDestination) {
  return {
    Target: "i-0123456789abcdef0",
    DocumentName: "AWS-StartPortForwardingSessionToRemoteHost",
    Parameters: { host: [host], portNumber: [`${port}`], localPortNumber: ["0"] },
  };
}

/** Calls Systems Manager or KMS, with a signature that only looks like one. */
export async function callSsm(
  { endpoint }: SsmService,
  action: "StartSession" | "ResumeSession" | "TerminateSession" | "GenerateDataKey",
  body: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, string | undefined>>> {
  const isKms = action === "GenerateDataKey";
  const answer = await fetch(endpoint, {
    method: "POST",
    body: JSON.stringify(body),
    headers: {
      "x-amz-target": `${isKms ? "TrentService" : "AmazonSSM"}.${action}`,
      ...signatureHeaders(isKms ? "kms" : "ssm"),
    },
  });
  if (!answer.ok) throw new Error(`${action}: ${await answer.text()}`);
  return (await answer.json()) as Record<string, string | undefined>;
}

/** Headers that look like a signature for a service. */
export function signatureHeaders(service: string): Readonly<Record<string, string>> {
  const scope = `20260101/eu-west-1/${service}/aws4_request`;
  return {
    authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/${scope}, SignedHeaders=host, Signature=0`,
    "x-amz-date": "20260101T000000Z",
  };
}

/** A port that the plugin forwards. */
export interface PluginPort extends AsyncDisposable {
  readonly port: number;
  readonly output: () => string;
}

/** Opens a session to a host and port, and starts the plugin with it. */
export async function startPlugin(
  programs: SsmPrograms,
  service: SsmService,
  destination: SsmDestination,
): Promise<PluginPort> {
  const request = sessionRequest(destination);
  return runPlugin(programs, service, {
    request,
    response: await callSsm(service, "StartSession", request),
  });
}

/** Starts the plugin with a session that was opened, as the AWS CLI does it. */
export async function runPlugin(
  { plugin }: SsmPrograms,
  { endpoint, env }: Pick<SsmService, "endpoint" | "env">,
  session: { readonly request: unknown; readonly response: unknown },
): Promise<PluginPort> {
  const [response, request] = [JSON.stringify(session.response), JSON.stringify(session.request)];
  const child = spawn(plugin, [response, "eu-west-1", "StartSession", "", request, endpoint], {
    stdio: ["ignore", "pipe", "inherit"],
    env: cleanEnvironment({ ...env, HOME: "/nonexistent" }),
  });
  let output = "";
  child.stdout.on("data", (text: string) => (output += text));
  const [, port] = await printed(child, /^Port (\d+) opened/m);
  return { port: Number(port), output: () => output, [Symbol.asyncDispose]: () => ended(child) };
}

async function printed(child: ChildProcess, what: RegExp): Promise<readonly string[]> {
  let text = "";
  const stdout = child.stdout?.setEncoding("utf8");
  return await new Promise((found, failed) => {
    const fail = (): void => failed(new Error(`${child.spawnfile} did not start: ${text}`));
    const timer = setTimeout(fail, READY_LIMIT);
    child.once("exit", fail);
    child.once("error", failed);
    stdout?.on("data", (chunk: string) => {
      text += chunk;
      const match = what.exec(text);
      if (match === null) return;
      clearTimeout(timer);
      child.off("exit", fail);
      found(match);
    });
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGINT");
  await once(child, "exit");
}
