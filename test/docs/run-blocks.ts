// Runs code blocks in a shell on a stand-in: HOME, AWS's files and `rdsiam` on PATH are the stand-in's, the directory is one for
// each document, so that a block finds the files of those before it.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import process from "node:process";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { cleanEnvironment, COMMAND, without } from "../support/program.ts";
import type { Block } from "./markdown.ts";

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
}

/** Prepares a stand-in for the blocks of the documents. */
export async function makeScene(standIn: StandIn): Promise<Scene> {
  const bin = join(standIn.directory, "bin");
  await mkdir(bin, { recursive: true });
  const words = COMMAND.map((word) => `'${word}'`).join(" ");
  await writeFile(join(bin, "rdsiam"), `#!/bin/sh\nexec ${words} "$@"\n`);
  await chmod(join(bin, "rdsiam"), 0o755);
  const env = { ...standIn.env, PATH: `${bin}:${process.env["PATH"] ?? ""}` };
  return { env, directory: standIn.directory, port: standIn.gateway.port };
}

/** Whether a block is one that is run. */
export function isRun({ language, needs }: Block): boolean {
  if (language !== "sh" && language !== "console") return false;
  return needs === undefined || (needs === "the AWS CLI" && without("aws") === false);
}

/** Runs one block; throws with what it printed when it does not do what the document says. */
export async function runBlock(scene: Scene, block: Block): Promise<void> {
  const cwd = join(scene.directory, "documents", basename(block.document, ".md"));
  await mkdir(cwd, { recursive: true });
  const place = { env: cleanEnvironment(scene.env), cwd };
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
