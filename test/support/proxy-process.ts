// Starts proxy-child.ts under a runtime, and looks at the process from outside: descriptors and memory in /proc.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { HOST, type ScriptedBackend, TOKEN } from "./scripted-backend.ts";

/** What the child is told; `host` is what the certificate names. */
export interface ChildOptions {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly token: string;
  readonly loginTimeout?: number;
}

/** What the child has seen since its start; the garbage was collected right before. */
export interface ChildReport {
  readonly logins: number;
  readonly refused: number;
  readonly strangers: number;
  readonly wrongCancels: number;
  readonly rightCancels: number;
  readonly uncaught: readonly string[];
  readonly rss: number;
  readonly heapUsed: number;
}

/** A proxy in a process of its own. */
export interface ProxyProcess extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  readonly secret: string;
  readonly report: () => Promise<ChildReport>;
  /** Open descriptors; undefined where there is no /proc. */
  readonly descriptors: () => number | undefined;
  /** Most bytes that were resident at any time; undefined where there is no /proc. */
  readonly peakMemory: () => number | undefined;
  /** Seconds of processor time so far; undefined where there is no /proc. */
  readonly processorTime: () => number | undefined;
}

/** How the child is started. */
export interface StartOptions {
  /** The runtime's program; this Node when absent. */
  readonly program?: string | undefined;
  /** ms from a connection's first byte to its proof. */
  readonly loginTimeout?: number;
  /** The most descriptors it may have. */
  readonly descriptorLimit?: number;
}

/** Starts a proxy in front of a scripted backend. */
export async function startProxyProcess(
  backend: ScriptedBackend,
  options: StartOptions = {},
): Promise<ProxyProcess> {
  const directory = mkdtempSync(join(tmpdir(), "rdsiam-proxy-"));
  const file = join(directory, "proxy.mjs");
  await bundle(join(import.meta.dirname, "proxy-child.ts"), file);
  const child = start(file, options);
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new TypeError("the child has no pipes");
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  const ask = async <Answer>(line: string): Promise<Answer> => {
    stdin.write(`${line}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error("the proxy's process has ended");
    return JSON.parse(value) as Answer;
  };
  const told: ChildOptions = {
    host: HOST,
    port: backend.port,
    ca: backend.ca,
    token: TOKEN,
    ...(options.loginTimeout === undefined ? {} : { loginTimeout: options.loginTimeout }),
  };
  const place = await ask<{ readonly port: number; readonly secret: string }>(JSON.stringify(told));
  const pid = child.pid ?? 0;
  return {
    pid,
    ...place,
    report: () => ask<ChildReport>("report"),
    descriptors: () => look(() => readdirSync(`/proc/${pid}/fd`).length),
    peakMemory: () => look(() => peakMemory(pid)),
    processorTime: () => look(() => processorTime(pid)),
    [Symbol.asyncDispose]: () => stop(child, directory),
  };
}

/** Bundles a TypeScript program into one file that every runtime starts; as the shipped program is. */
export async function bundle(source: string, file: string): Promise<void> {
  const common = { bundle: true, platform: "node", format: "esm", target: "es2022" } as const;
  await build({ ...common, entryPoints: [source], outfile: file, logLevel: "error" });
}

function start(file: string, options: StartOptions): ChildProcess {
  const program = options.program ?? process.execPath;
  const words = [program, ...runtimeArguments(program), file];
  const limited =
    options.descriptorLimit === undefined
      ? words
      : ["sh", "-c", `ulimit -n ${options.descriptorLimit}; exec "$@"`, "sh", ...words];
  const [command = "", ...args] = limited;
  const env = { PATH: process.env["PATH"], LC_ALL: "C.UTF-8", HOME: tmpdir() };
  const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "inherit"] });
  child.stdin?.on("error", () => {});
  return child;
}

// The garbage collector is called so that what is compared is what is still held.
function runtimeArguments(program: string): readonly string[] {
  const name = basename(program);
  if (name === "deno") return ["run", "-A", "--no-lock", "--no-prompt", "--v8-flags=--expose-gc"];
  return name === "bun" ? [] : ["--expose-gc"];
}

async function stop(child: ChildProcess, directory: string): Promise<void> {
  const exited = child.exitCode !== null || child.signalCode !== null;
  child.stdin?.end();
  if (!exited) await once(child, "exit");
  rmSync(directory, { recursive: true, force: true });
}

function look(read: () => number): number | undefined {
  return process.platform === "linux" ? read() : undefined;
}

function peakMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

// utime and stime, in ticks of 1/100 s; proc_pid_stat(5). The name before them may hold spaces and parentheses.
function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
