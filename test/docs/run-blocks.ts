// Runs code blocks in a shell on a stand-in: HOME, AWS's files and `rdsiam` on PATH are the stand-in's, the directory is one for
// each document, so that a block finds the files of those before it.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmod, copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { basename, join } from "node:path";
import process from "node:process";
import { spawn as openPty } from "@lydell/node-pty";
import { listen } from "../../src/base/listen.ts";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { cleanEnvironment, COMMAND, without } from "../support/program.ts";
import { type Block, blocksOf } from "./markdown.ts";

// A test that fails says so long before the runner's own limit.
const LIMIT_MS = 60_000;
const SHELL = ["bash", "--noprofile", "--norc", "-c"] as const;
// A console block may show a failure; a sh block may not have one.
const STRICT = "set -euo pipefail";

/** Where blocks are run. */
export interface Scene {
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string;
  /** The port of the stand-in's gateway. */
  readonly port: number;
  readonly standIn: StandIn;
}

/** The mark of blocks that name hosts of RDS, so that the stand-in's database has to be on PostgreSQL's port. */
export const NETWORK = "a network as on AWS";

/** PostgreSQL's port; 0, which is any, where another server has it. */
export async function usualPort(): Promise<number> {
  const server = createServer();
  return await listen(server, { host: "127.0.0.1", port: 5432 }).then(
    () => new Promise((resolved) => server.close(() => resolved(5432))),
    () => 0,
  );
}

/** Opens what an administrator's tunnel would be: localhost:15432, which ends at the stand-in's database. */
export async function openTunnel({ port }: Scene): Promise<AsyncDisposable> {
  const server = createServer((socket) => {
    const far = connect(port, "127.0.0.1");
    socket.pipe(far).pipe(socket);
    for (const each of [socket, far])
      each.on("error", () => [socket, far].map((end) => end.destroy()));
  });
  await listen(server, { host: "localhost", port: 15_432 });
  return {
    [Symbol.asyncDispose]: () => new Promise((resolved) => server.close(() => resolved())),
  };
}

/** Prepares a stand-in for the blocks of the documents. */
export async function makeScene(standIn: StandIn): Promise<Scene> {
  const bin = join(standIn.directory, "bin");
  await mkdir(bin, { recursive: true });
  const words = COMMAND.map((word) => `'${word}'`).join(" ");
  await writeFile(join(bin, "rdsiam"), `#!/bin/sh\nexec ${words} "$@"\n`);
  await chmod(join(bin, "rdsiam"), 0o755);
  const env = { ...standIn.env, PATH: `${bin}:${process.env["PATH"] ?? ""}` };
  return { env, directory: standIn.directory, port: standIn.gateway.port, standIn };
}

// Makes the profiles and files that documents name; returns what the environment has besides.
async function makeNetwork({ directory, standIn }: Scene, { document }: Block, cwd: string) {
  const { caFile, canonicalHost, dns, key, region } = standIn;
  const orders = { region, rds_host: canonicalHost, rds_user: "app_ro", rds_dbname: "orders" };
  const config = await readFile(standIn.env["AWS_CONFIG_FILE"] ?? "", "utf8");
  if (!config.includes("[profile corp]")) {
    await standIn.addProfile("corp", { region }, key);
    await standIn.addProfile("orders", orders, key);
  }
  const leaf = await makeLeaf({
    subject: "CN=localhost",
    names: ["localhost"],
    issuer: await makeAuthority({ subject: "CN=documents" }),
  });
  for (const file of [join(directory, "ca.pem"), join(cwd, "ca.pem"), join(cwd, "clients.pem")]) {
    await copyFile(caFile, file);
  }
  for (const name of ["tls.crt", "cert.pem"]) await writeFile(join(cwd, name), leaf.cert);
  for (const name of ["tls.key", "key.pem"]) {
    await writeFile(join(cwd, name), leaf.key, { mode: 0o600 });
  }
  const relay = blocksOf(document).find(({ text }) => text.startsWith("[relay]"))?.text ?? "";
  await writeFile(join(cwd, "relay.ini"), relay.replaceAll("/etc/rdsiam/tls", cwd));
  return {
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    AWS_REGION: region,
    RDSIAM_DNS_SERVERS: dns.address,
    RDSIAM_SSLROOTCERT: caFile,
  };
}

/** Whether a block is one that is run. */
export function isRun({ language, needs }: Block, port = 0): boolean {
  if (language !== "sh" && language !== "console") return false;
  if (needs === NETWORK) return port === 5432;
  return needs === undefined || (needs === "the AWS CLI" && without("aws") === false);
}

/** Runs one block; throws with what it printed when it does not do what the document says. */
export async function runBlock(scene: Scene, block: Block): Promise<void> {
  const cwd = join(scene.directory, "documents", basename(block.document, ".md"));
  await mkdir(cwd, { recursive: true });
  const network = block.needs === NETWORK ? await makeNetwork(scene, block, cwd) : {};
  const env = cleanEnvironment({ ...scene.env, ...network });
  const place = { env, cwd };
  const at = `${block.document}:${block.line}`;
  if (block.language === "console") {
    for (const { command, shown } of stepsOf(block)) {
      const output = asShown(scene, (await runShell(command, place)).output);
      assert.match(output, expected(shown), `${at}: ${command} printed\n${output}`);
    }
    return;
  }
  const ran = await runShell(`${STRICT}\n${block.text}`, { ...place, until: block.until });
  assert.ok(ran.ok, `${at} ended with ${ran.status}:\n${ran.output}`);
}

/** Runs a command line as a console block does, and returns what it prints, as documents show it. */
export async function runCommand(scene: Scene, command: string, cwd: string): Promise<string> {
  const ran = await runShell(command, { env: cleanEnvironment(scene.env), cwd });
  return asShown(scene, ran.output);
}

/** Runs a command line on a terminal, and returns what it shows, colors included. */
export function runOnTerminal(scene: Scene, command: string, columns: number): Promise<string> {
  const [file, ...args] = [...SHELL, command];
  const env = { ...cleanEnvironment(scene.env), TERM: "xterm-256color" };
  const pty = openPty(file, args, { cols: columns, rows: 60, env, cwd: scene.directory });
  let output = "";
  pty.onData((data) => {
    output += data;
  });
  return new Promise((resolved) => {
    pty.onExit(() => resolved(asShown(scene, withoutErased(output.replaceAll("\r\n", "\n")))));
  });
}

// A waiting line that has been erased is none of what is shown in the end.
function withoutErased(output: string): string {
  const lines = output.split("\n").map((line) => line.split("\r\u001B[K").at(-1) ?? "");
  return lines.join("\n");
}

// Readers have a home directory and a database on the usual port.
function asShown({ directory, port }: Scene, output: string): string {
  // psql ends with an empty line where readers see none.
  const shown = `${output.replaceAll(directory, "~").replaceAll(/ +$/gm, "").trimEnd()}\n`;
  return shown.replaceAll(new RegExp(`\\b${port}\\b`, "g"), "5432");
}

interface Step {
  readonly command: string;
  readonly shown: string;
}

function stepsOf(block: Block): Step[] {
  const parts = block.text.split(/^\$ /m);
  assert.equal(parts.shift(), "", `${block.document}:${block.line}: a console block begins with $`);
  return parts.map((part) => {
    // A command goes on after a backslash, as it does in a shell.
    const [command = ""] = /^(?:.*\\\n)*.*/.exec(part) ?? [];
    return { command, shown: part.slice(command.length + 1) };
  });
}

function expected(shown: string): RegExp {
  const lines = shown.trimEnd().split("\n");
  const patterns = lines.map((line) =>
    line === "..." ? "(?:.*\n)*?" : `${line.split("…").map(escape).join(".*")}\n`,
  );
  return new RegExp(`^${shown.trim() === "" ? "\n" : patterns.join("")}$`);
}

function escape(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

interface Ran {
  readonly ok: boolean;
  readonly status: number | NodeJS.Signals | null;
  /** What it printed on both, in the order in which it came. */
  readonly output: string;
}

interface Place {
  readonly env: Record<string, string>;
  readonly cwd: string;
  readonly until?: string | undefined;
}

function runShell(script: string, { env, cwd, until }: Place): Promise<Ran> {
  const [file, ...args] = [...SHELL, `exec 2>&1\n${script}`];
  return new Promise((resolved, rejected) => {
    const child = spawn(file, args, {
      env,
      cwd,
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    let output = "";
    let isUp = false;
    const timer = setTimeout(() => end(child, "SIGKILL"), LIMIT_MS);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (isUp || until === undefined || !output.includes(until)) return;
      isUp = true;
      end(child, "SIGTERM");
    });
    child.once("error", rejected);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      const ended = isUp && (code === 0 || code === 143 || signal === "SIGTERM");
      const ok = until === undefined ? code === 0 : ended;
      resolved({ ok, status: code ?? signal, output });
    });
  });
}

// The shell and what it started.
function end(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid !== undefined) process.kill(-child.pid, signal);
}
