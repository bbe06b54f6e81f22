// Starts chaos-child.ts under a runtime and counts its descriptors from outside.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { bundle } from "./proxy-process.ts";

/** What the child is told. */
export interface ChaosChildOptions {
  readonly host: string;
  /** The database's ports, one for each proxy. */
  readonly ports: readonly number[];
  readonly ca: string;
  readonly token: string;
  /** Milliseconds for each stage of a login. */
  readonly limit: number;
}

/** What the child has seen. */
export interface ChaosChildReport {
  readonly logins: number;
  readonly closed: number;
  readonly refused: number;
  readonly cancels: number;
  /** Uncaught errors, unhandled rejections and warnings. */
  readonly uncaught: readonly string[];
  readonly rss: number;
}

/** The proxies' process. */
export interface ChaosProcess extends AsyncDisposable {
  readonly proxies: readonly { readonly port: number; readonly secret: string }[];
  readonly report: () => Promise<ChaosChildReport>;
  /** Closes all proxies. */
  readonly dispose: () => Promise<ChaosChildReport>;
  /** Open descriptors, once there are no more than wanted or the milliseconds have passed. */
  readonly settled: (wanted: number, limit: number) => Promise<number>;
}

/** Starts one proxy for each port; `program` is the runtime, this Node when absent. */
export async function startChaosProcess(
  options: ChaosChildOptions,
  program = process.execPath,
): Promise<ChaosProcess> {
  const directory = mkdtempSync(join(tmpdir(), "rdsiam-chaos-"));
  const file = join(directory, "proxies.mjs");
  await bundle(join(import.meta.dirname, "chaos-child.ts"), file);
  const words = basename(program) === "deno" ? ["run", "-A", "--no-lock", "--no-prompt"] : [];
  const env = { PATH: process.env["PATH"], LC_ALL: "C.UTF-8", HOME: directory };
  const child = spawn(program, [...words, file], { env, stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.on("error", () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async <Answer>(line: string): Promise<Answer> => {
    child.stdin.write(`${line}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error("the proxies' process has ended");
    return JSON.parse(value) as Answer;
  };
  const proxies = await ask<ChaosProcess["proxies"]>(JSON.stringify(options));
  const stop = async (): Promise<void> => {
    child.stdin.end();
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    rmSync(directory, { recursive: true, force: true });
  };
  return {
    proxies,
    report: () => ask<ChaosChildReport>("report"),
    dispose: () => ask<ChaosChildReport>("dispose"),
    settled: (wanted, limit) => settled(child.pid, wanted, limit),
    [Symbol.asyncDispose]: stop,
  };
}

async function settled(pid: number | undefined, wanted: number, limit: number): Promise<number> {
  const count = (): number => readdirSync(`/proc/${pid}/fd`).length;
  for (let waited = 0; count() > wanted && waited < limit; waited += 250) await delay(250);
  return count();
}
