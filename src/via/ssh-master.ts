// The one ssh connection of a run, which all its logins share (OpenSSH's ControlMaster). It is opened before the tool
// starts, while ssh may still ask for a passphrase on the terminal; ssh then goes to the background in a session of its own,
// where no Ctrl-C reaches it. Opened anew later, it may not ask.
// A small shell ends it and removes its directory when we are gone, in whatever way: it reads a pipe that only we hold.
// https://man.openbsd.org/ssh_config#ControlMaster

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { RdsIamError } from "../base/errors.ts";
import { atMost, unlessAborted } from "./abort.ts";
import { shown, viaError } from "./child-stream.ts";

const PERSIST = "1h"; // without a session; a guard ends it sooner, when we end
const ALIVE_INTERVAL = 15; // s; three without an answer end the connection
const LONGEST_TMPDIR = 60; // ssh adds 17 characters to the socket's path, which may have 103 on macOS
const GUARD_LIMIT = 3_000; // ms that the end of the connection may take
const ASKING_LIMIT = 120_000; // ms for the first connection: somebody may be typing, or looking for a token

const GUARD = `
read -r _
directory=$1
shift
"$@" </dev/null >/dev/null 2>&1
rm -rf -- "$directory"
`;

/** Whom to connect to, and with what. */
export interface SshPlace {
  /** The ssh program's file. */
  readonly file: string;
  /** The words that name user, port and host, `--` before the host. */
  readonly destination: readonly string[];
  /** For messages. */
  readonly bastion: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds for a connection on which ssh may not ask. */
  readonly connectTimeout: number;
}

/** The shared connection. */
export class SshMaster {
  readonly #place: SshPlace;
  readonly #directory: string;
  readonly #guard: ChildProcess;
  #starting: Promise<void> | undefined;
  #wasOpened = false;

  /** Makes the directory for the control socket; nothing is connected yet. */
  static async prepare(place: SshPlace): Promise<SshMaster> {
    const usual = place.env["TMPDIR"] || tmpdir();
    const base = usual.length > LONGEST_TMPDIR ? "/tmp" : usual;
    return new SshMaster(place, await mkdtemp(join(base, "rdsiam-ssh-")));
  }

  constructor(place: SshPlace, directory: string) {
    this.#place = place;
    this.#directory = directory;
    const exit = [place.file, ...this.controlWords, "-O", "exit", ...place.destination];
    this.#guard = spawn("/bin/sh", ["-c", GUARD, "sh", directory, ...exit], {
      env: { ...place.env },
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#guard.on("error", () => {});
    this.#guard.stdin?.on("error", () => {});
  }

  /** The words for a program that is to use the connection. ssh expands % in the path. */
  get controlWords(): readonly string[] {
    return ["-S", this.#socket.replaceAll("%", "%%")];
  }

  get #socket(): string {
    return join(this.#directory, "c");
  }

  get #log(): string {
    return join(this.#directory, "log");
  }

  /** Sees to it that the connection stands; rejects with ERR_VIA. */
  async ensure(signal: AbortSignal): Promise<void> {
    if (await this.isAlive()) return;
    this.#starting ??= this.#start().finally(() => (this.#starting = undefined));
    await unlessAborted(this.#starting, signal);
  }

  /** Whether the connection's process takes requests. */
  isAlive(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ path: this.#socket });
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
  }

  /** The last that ssh has logged. */
  async logged(): Promise<string> {
    return shown(await readFile(this.#log, "utf8").catch(() => ""));
  }

  /** Ends the connection and removes the directory. */
  async close(): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      if (this.#guard.exitCode !== null || this.#guard.pid === undefined) return resolve();
      this.#guard.once("exit", () => resolve());
    });
    this.#guard.stdin?.end();
    await atMost(GUARD_LIMIT, gone);
  }

  async #start(): Promise<void> {
    const mayAsk = !this.#wasOpened;
    this.#wasOpened = true;
    // One that was killed leaves its socket, and with that there ssh would go to the background where nobody can end it.
    await rm(this.#socket, { force: true });
    const seconds = Math.max(1, Math.ceil(this.#place.connectTimeout / 1_000));
    const words = [
      ...this.controlWords,
      "-f",
      "-N",
      "-T",
      "-E",
      this.#log,
      ...option(
        "ControlMaster=yes",
        `ControlPersist=${PERSIST}`,
        `BatchMode=${mayAsk ? "no" : "yes"}`,
      ),
      ...option("ClearAllForwardings=yes", "RemoteCommand=none", `ConnectTimeout=${seconds}`),
      ...option(`ServerAliveInterval=${ALIVE_INTERVAL}`, "ServerAliveCountMax=3"),
      ...this.#place.destination,
    ];
    // In our own session the first time: it is the terminal that ssh asks on.
    const child = spawn(this.#place.file, words, {
      env: { ...this.#place.env },
      detached: !mayAsk,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    const limit = mayAsk ? ASKING_LIMIT : this.#place.connectTimeout;
    const status = await exitWithin(child, limit);
    child.stderr.destroy();
    if (status === 0) return;
    throw this.#failed(status, `${await this.logged()} ${shown(said)}`.trim());
  }

  #failed(status: string | number, said: string): RdsIamError {
    const { bastion } = this.#place;
    const how = typeof status === "number" ? `ended with exit status ${status}` : status;
    return viaError(`ssh could not connect to ${bastion}`, {
      detail: `ssh ${how}. ${said === "" ? "It said nothing." : `It said: ${said}`}`,
      hint: hintFor(said, bastion),
    });
  }
}

function option(...settings: readonly string[]): string[] {
  return settings.flatMap((setting) => ["-o", setting]);
}

function exitWithin(child: ChildProcess, limit: number): Promise<number | string> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(child.pid, "SIGKILL");
      resolve(`did not get ready in ${limit / 1_000} s`);
    }, limit);
    const settle = (status: number | string): void => {
      clearTimeout(timer);
      resolve(status);
    };
    child.once("error", (error) => settle(`could not be run (${error.message})`));
    child.once("exit", (code, signal) => settle(code ?? `was ended by ${signal}`));
  });
}

function hintFor(said: string, bastion: string): string {
  if (/Permission denied|Too many authentication failures/.test(said)) {
    return `Check that you get in with: ssh ${bastion}. A key with a passphrase must be in the agent (ssh-add) where nobody can be asked.`;
  }
  if (/Host key verification failed|IDENTIFICATION HAS CHANGED/.test(said)) {
    return `Compare the host key and accept it once with: ssh ${bastion}`;
  }
  return `Check it with: ssh -v ${bastion}`;
}
