// A home directory with targets, and programs that tell what they were called with, for TAB presses in real shells.
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { openTerminal, type Terminal } from "./pty.ts";

const AWS_CONFIG = `[profile corp]
region = eu-west-1
[profile stage]
rds_host = stage.abc123.eu-west-1.rds.amazonaws.com
[profile production]
rds_host = production.abc123.eu-west-1.rds.amazonaws.com
[profile 'my prod']
RDS_HOST = my.abc123.eu-west-1.rds.amazonaws.com
[profile acct:role]
rds_host = role.abc123.eu-west-1.rds.amazonaws.com
`;

const OWN_FILE = `[evil$(touch pwned)]
host = evil.abc123.eu-west-1.rds.amazonaws.com
`;

/** A machine of its own, as far as a shell can tell. */
export interface ShellStage extends AsyncDisposable {
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** How psql was called, a line a call. */
  readonly psqlCalls: () => string[];
}

/** Makes the home directory and the programs. */
export async function makeStage(): Promise<ShellStage> {
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-completion-"));
  const bin = join(directory, "bin");
  const calls = join(directory, "psql-calls");
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), text);
  };
  const program = (name: string, text: string): void => {
    write(join("bin", name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  write(".aws/config", AWS_CONFIG);
  write("config/rdsiam/config", OWN_FILE);
  write("a-file.pem", "");
  // Where this is not there, fish makes it in the background, from every manual page.
  write("data/fish/generated_completions/none.fish", "");
  program("rdsiam", `printf 'ARGS'; printf '[%s]' "$@"; printf '\\nEND\\n'`);
  program("quux-tool", "exit 0");
  program(
    "psql",
    `echo "$*" >> '${calls}'
case "$*" in *--help*) echo '  -X, --no-psqlrc          do not read startup file' ;; *--version*) echo 'psql (PostgreSQL) 15.0' ;; *) printf "leaked\\tx\\n" ;; esac`,
  );
  appendFileSync(calls, "");
  return {
    directory,
    env: {
      HOME: directory,
      PATH: `${bin}:${process.env["PATH"]}`,
      LC_ALL: "C.UTF-8",
      ...xdg(directory),
    },
    psqlCalls: () => readFileSync(calls, "utf8").split("\n").filter(Boolean),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

function xdg(directory: string): Record<string, string> {
  const names = ["CONFIG", "DATA", "STATE", "CACHE"];
  return Object.fromEntries(
    names.map((name) => [`XDG_${name}_HOME`, join(directory, name.toLowerCase())]),
  );
}

/** Presses the keys of a line and Enter; resolves with what the shell called rdsiam with. */
export async function argumentsAfter(terminal: Terminal, keys: string): Promise<string> {
  terminal.type(`${keys}\r`);
  const shown = await terminal.shows(/ARGS(.*)\r?\n(?:.*\r?\n)*?END/);
  return /ARGS(.*?)\r?\n/.exec(shown)?.[1] ?? "";
}

/** Starts a shell on a terminal, in the stage's directory, and runs a command in it. */
export async function startShell(
  stage: ShellStage,
  words: readonly string[],
  setup: string,
): Promise<Terminal> {
  const terminal = openTerminal(["env", "-C", stage.directory, ...words], stage.env);
  terminal.type(`${setup}; printf 'RE''ADY\\n'\r`);
  await terminal.shows(/READY/);
  return terminal;
}

/** A reason to skip: a shell, or a file of it, that is not on this machine; or false. */
export function missing(shell: string, file?: string): string | false {
  if (spawnSync(shell, ["--version"]).error !== undefined) return `${shell} is not on this machine`;
  return file !== undefined && !existsSync(file) && `${file} is not on this machine`;
}
