// A program whose stdin and stdout are a connection, like OpenSSH's ProxyCommand. It has a session of its own: the
// terminal's Ctrl-C is for the tool alone, and it cannot ask anything on a terminal that is the tool's.
// Its end alone does not show whether the database or the tunnel has ended the connection, so the end of its output is held
// back until it has exited and `explain` has decided which.

import type { Buffer } from "node:buffer";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { Duplex } from "node:stream";
import type { Environment } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { atMost } from "../base/deadline.ts";
import { inBackground, signalGroup, spawnWords, type SpawnWords } from "../system/program.ts";

const EXIT_DELAY = 500; // ms that a program may take to exit after the end of its output
const KILL_DELAY = 2_000; // ms from SIGTERM to SIGKILL
const MAX_STDERR = 4_000; // characters kept of its stderr, the last ones
const SHOWN_STDERR = 600; // characters of them for a DETAIL

/** How a program ended. */
export interface ProgramEnd {
  /** `exit status 1`, `signal SIGKILL`; undefined while it still runs. */
  readonly how: string | undefined;
  readonly isClean: boolean;
  /** Whether the other end has sent anything; a database always does. */
  readonly hasRead: boolean;
  /** The end of its stderr. */
  readonly stderr: string;
}

/** A program to run as a connection. */
interface ProgramOptions extends SpawnWords {
  readonly env: Environment;
  /** The error if the tunnel ended the connection; undefined if the database did. */
  readonly explain: (end: ProgramEnd) => Promise<RdsIamError | undefined>;
}

// The connection over a program's stdin and stdout; destroying it ends the program and its children.
class ChildStream extends Duplex {
  /** Resolves when the program is gone. */
  readonly gone: Promise<void>;
  /** Whether the other end has sent anything. */
  hasRead = false;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #explain: ProgramOptions["explain"];
  readonly #env: ProgramOptions["env"];
  #how: string | undefined;
  #isClean = false;
  #stderr = "";
  #isEnding = false;

  constructor({ env, explain, ...program }: ProgramOptions) {
    super({ allowHalfOpen: true });
    this.#explain = explain;
    this.#env = env;
    const { args, file, ...how } = spawnWords(program, env);
    this.#child = spawn(file, [...args], {
      ...how,
      env: { ...env },
      ...inBackground(),
      stdio: "pipe",
    });
    const { stderr, stdin, stdout } = this.#child;
    this.gone = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => {
        this.#isClean = code === 0;
        this.#how = signal === null ? `exit status ${code}` : `signal ${signal}`;
        resolve();
      });
      this.#child.once("error", (error) => {
        this.#how ??= error.message;
        if (this.#child.pid === undefined) resolve();
        void this.#end();
      });
    });
    stdout.on("data", (chunk: Buffer) => {
      this.hasRead = true;
      if (!this.push(chunk)) stdout.pause();
    });
    for (const event of ["end", "close", "error"]) stdout.on(event, () => void this.#end());
    stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-MAX_STDERR);
    });
    stderr.on("error", () => {});
    // A program that is gone reads nothing; the end of its output reports why it is gone.
    stdin.on("error", () => {});
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#child.stdin.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.#child.stdin.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#isEnding = true;
    const { stderr, stdin, stdout } = this.#child;
    for (const stream of [stdin, stdout, stderr]) stream.destroy();
    this.#kill("SIGTERM");
    const timer = setTimeout(() => this.#kill("SIGKILL"), KILL_DELAY);
    void this.gone.then(() => clearTimeout(timer));
    done(error);
  }

  async #end(): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    await atMost(EXIT_DELAY, this.gone);
    const { hasRead } = this;
    const end = { how: this.#how, isClean: this.#isClean, hasRead, stderr: shown(this.#stderr) };
    const error = await this.#explain(end).catch(() => undefined);
    if (this.destroyed) return;
    if (error === undefined) this.push(null);
    else this.destroy(error);
  }

  // The whole group: a shell's pipeline too.
  #kill(signal: NodeJS.Signals): void {
    signalGroup(this.#child, signal, this.#env);
  }
}

/** A program's output as DETAIL: its last lines in one, without control characters. */
export function shown(text: string): string {
  const lines = text.split(/[\r\n]+/).map((line) => line.replaceAll(/\p{Cc}/gu, " ").trim());
  const joined = lines.filter((line) => line !== "").join(" | ");
  return joined.length > SHOWN_STDERR ? `...${joined.slice(-SHOWN_STDERR)}` : joined;
}

/** The sentences of a DETAIL about a program that ended. */
export function programDetail(name: string, { how, stderr }: ProgramEnd): string {
  const ended = how === undefined ? "closed the connection" : `ended with ${how}`;
  return `${name} ${ended}. ${stderr === "" ? "It said nothing on stderr." : `It said: ${stderr}`}`;
}

/** The connections of a tunnel that runs a program for each. */
export class ChildStreams {
  readonly #onBroken: (error: RdsIamError) => void;
  readonly #streams = new Set<ChildStream>();

  constructor(onBroken: (error: RdsIamError) => void) {
    this.#onBroken = onBroken;
  }

  /** Starts the program of a connection; throws the signal's reason when it has aborted. */
  open(options: ProgramOptions, signal: AbortSignal): ChildStream {
    signal.throwIfAborted();
    const stream = new ChildStream(options);
    this.#streams.add(stream);
    stream.once("error", (error) => {
      if (stream.hasRead && error instanceof RdsIamError) this.#onBroken(error);
    });
    stream.once("close", () => void stream.gone.then(() => this.#streams.delete(stream)));
    return stream;
  }

  /** Ends all, and waits for the programs to be gone. */
  async close(): Promise<void> {
    const open = [...this.#streams];
    for (const stream of open) stream.destroy();
    await Promise.all(open.map((stream) => stream.gone));
  }
}
