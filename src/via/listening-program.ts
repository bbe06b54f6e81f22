// A program that listens on a loopback port and carries each connection from there to the far end, as session-manager-plugin and
// `kubectl port-forward` do: it is started when it is needed, and again when it has died or no longer answers. It has a session
// of its own, as the terminal's Ctrl-C is for the tool; a small shell beside it ends it with this process: by itself it would stay.
// Windows ends it with this process by itself.

import { type ChildProcess, spawn } from "node:child_process";
import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import process from "node:process";
import { Duplex } from "node:stream";
import type { Environment } from "../base/context.ts";
import type { RdsIamError } from "../base/errors.ts";
import { atMost, unlessAborted } from "../base/deadline.ts";
import { inBackground, SHELL, signalGroup, spawnWords } from "../system/program.ts";
import { shown } from "./child-stream.ts";
import { connectTcp, type Destination, type TunnelOptions } from "./tunnel.ts";

const EXIT_DELAY = 500; // ms between the end of a connection and that of the program that carried it
const SAYING_DELAY = 50; // ms between the end of a connection and what the program has said about it
const KILL_DELAY = 1_500; // ms from SIGINT, on which it ends what it has open, to SIGKILL
const MAX_OUTPUT = 4_000; // characters kept

// The program takes the shell's own process id. The pipe ends when the program has, or when we are gone.
const GUARD = `
exec 3<&0 </dev/null
( read -r _ <&3; kill -s INT $$ || exit; sleep 1; kill -s KILL $$ ) >/dev/null 2>&1 &
exec "$@" 3<&-
`;

/** How such a program is started. */
export interface ListeningCommand {
  /** For messages. */
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Environment;
  /** Finds the port in what it prints. */
  readonly opened: RegExp;
  /** What of it tells nothing. */
  readonly noise?: RegExp | undefined;
}

/** Such a program, running. */
export class ListeningProgram {
  /** Resolves when it is gone. */
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;
  readonly #command: ListeningCommand;
  #output = "";
  #how: string | undefined;
  #isClosing = false;
  #wake: () => void = () => {};

  constructor(command: ListeningCommand) {
    const { args, env, file } = command;
    this.#command = command;
    const guarded =
      process.platform === "win32"
        ? spawnWords({ file, args }, env)
        : { file: SHELL, args: ["-c", GUARD, "sh", file, ...args] };
    const { args: words, file: program, ...how } = guarded;
    this.#child = spawn(program, words, {
      ...how,
      env: { ...env },
      ...inBackground(),
      stdio: "pipe",
    });
    const { stderr, stdin, stdout } = this.#child;
    for (const stream of [stdout, stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => this.#read(text));
      stream?.on("error", () => {});
    }
    stdin?.on("error", () => {});
    this.gone = new Promise((resolve) => {
      const settle = (how: string): void => {
        this.#how ??= how;
        stdin?.destroy();
        this.#wake();
        resolve();
      };
      this.#child.once("exit", (code, signal) =>
        settle(code === null ? `signal ${signal}` : `exit status ${code}`),
      );
      this.#child.once("error", (error) => settle(error.message));
    });
  }

  /** Whether it still runs. */
  get isRunning(): boolean {
    return this.#how === undefined;
  }

  /** Whether it ended without close(). */
  get hasDied(): boolean {
    return !this.isRunning && !this.#isClosing;
  }

  /** The end of its output. */
  get said(): string {
    const { noise } = this.#command;
    return shown(noise === undefined ? this.#output : this.#output.replaceAll(noise, ""));
  }

  /** How it ended and the end of its output: the sentences of a DETAIL. */
  get detail(): string {
    const how = this.#how === undefined ? "still runs" : `ended with ${this.#how}`;
    const { said } = this;
    return `${this.#command.name} ${how}. ${said === "" ? "It said nothing." : `It said: ${said}`}`;
  }

  /** The port that it listens on; undefined if it ends, or `limit` aborts, before there is one. */
  async port(limit: AbortSignal): Promise<number | undefined> {
    const onAbort = (): void => this.#wake();
    limit.addEventListener("abort", onAbort);
    try {
      for (;;) {
        const port = this.#command.opened.exec(this.#output)?.[1];
        if (port !== undefined) return Number(port);
        if (!this.isRunning || limit.aborted) return undefined;
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      limit.removeEventListener("abort", onAbort);
    }
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#kill("SIGINT");
    const timer = setTimeout(() => this.#kill("SIGKILL"), KILL_DELAY);
    await this.gone;
    clearTimeout(timer);
  }

  #read(text: string): void {
    this.#output = (this.#output + text).slice(-MAX_OUTPUT);
    this.#wake();
  }

  #kill(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined || !this.isRunning) return;
    if (process.platform === "win32") return signalGroup(this.#child, signal, this.#command.env);
    try {
      process.kill(pid, signal);
    } catch {
      // It has just ended.
    }
  }
}

// A connection whose end is held back, where nothing has come of it, until it is known whether the program or the far end has
// ended it: a login then gets the reason itself.
class HeldStream extends Duplex {
  /** Whether the other end has sent anything; a database always does. */
  hasRead = false;
  readonly #socket: Socket;
  readonly #explain: () => Promise<RdsIamError | undefined>;
  #isEnding = false;

  constructor(socket: Socket, explain: () => Promise<RdsIamError | undefined>) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#explain = explain;
    socket.on("data", (chunk: Buffer) => {
      this.hasRead = true;
      if (!this.push(chunk)) socket.pause();
    });
    socket.on("end", () => void this.#end());
    socket.on("error", (error) => void this.#end(error));
    socket.on("close", () => void this.#end());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // What is gone takes nothing; its end says why.
    this.#socket.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#isEnding = true;
    this.#socket.destroy();
    done(error);
  }

  async #end(error?: Error): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    const reason = this.hasRead ? undefined : await this.#explain();
    if (this.destroyed) return;
    if (reason === undefined && error === undefined) this.push(null);
    else this.destroy(reason ?? error);
  }
}

/** What the programs of a tunnel are, and what is said when one fails. */
export interface ListeningOptions extends Pick<TunnelOptions, "connectTimeout" | "onBroken"> {
  readonly name: string;
  readonly start: (destination: Destination) => Promise<ListeningProgram>;
  /** Destinations with the same key share a program. */
  readonly keyOf: (destination: Destination) => string;
  /** The error for one that opened no port. */
  readonly noPort: (program: ListeningProgram) => RdsIamError;
  /** The error for a connection that it carried, and broke. */
  readonly broken: (destination: Destination, program: ListeningProgram) => RdsIamError;
}

interface RunningProgram {
  readonly program: ListeningProgram;
  readonly port: number;
  /** One for each connection, from before it is made. */
  readonly users: Set<object>;
}

/** The programs of a tunnel: one start at a time for each key, however many logins wait for it. */
export class ListeningPrograms {
  readonly #options: ListeningOptions;
  readonly #starting = new Map<string, Promise<RunningProgram>>();
  readonly #programs = new Set<ListeningProgram>();
  readonly #told = new WeakSet<ListeningProgram>();
  #isClosed = false;

  constructor(options: ListeningOptions) {
    this.#options = options;
  }

  /** The program for a destination, started where it does not run. */
  async running(destination: Destination, signal: AbortSignal): Promise<RunningProgram> {
    const key = this.#options.keyOf(destination);
    const starting = this.#starting.get(key) ?? this.#start(key, destination);
    this.#starting.set(key, starting);
    return unlessAborted(starting, signal);
  }

  /** Connects to a destination through its program. */
  async open(destination: Destination, signal: AbortSignal): Promise<Duplex> {
    const { broken, keyOf, name, onBroken } = this.#options;
    const { program, port, users } = await this.running(destination, signal);
    const user = {};
    users.add(user);
    const hint = `The next login starts ${name} again.`;
    const { said } = program;
    const connecting = connectTcp({ host: "127.0.0.1", port }, { what: name, hint }, signal);
    connecting.catch(() => users.delete(user));
    const stream = new HeldStream(await connecting, async () => {
      // What it says about a connection, it says before it ends it; then it may end itself.
      await atMost(SAYING_DELAY, program.gone);
      if (program.said !== said) await atMost(EXIT_DELAY, program.gone);
      return program.hasDied ? broken(destination, program) : undefined;
    });
    const reportIfDied = async (): Promise<void> => {
      // The end of its connections may be seen before its own.
      await atMost(EXIT_DELAY, program.gone);
      if (!program.hasDied || this.#told.has(program)) return;
      this.#told.add(program);
      onBroken(broken(destination, program));
    };
    stream.once("close", () => {
      users.delete(user);
      if (stream.hasRead) void reportIfDied();
      // It accepts connections and carries nothing: it hangs, or what it leads to is gone. The next login gets another.
      else if (users.size === 0) void this.#retire(keyOf(destination), program);
    });
    void program.gone.then(() =>
      stream.destroy(program.hasDied ? broken(destination, program) : undefined),
    );
    return stream;
  }

  /** Ends all. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#programs].map((program) => program.close()));
  }

  async #retire(key: string, program: ListeningProgram): Promise<void> {
    // It may have been replaced already.
    if (this.#programs.has(program)) this.#starting.delete(key);
    await program.close();
  }

  async #start(key: string, destination: Destination): Promise<RunningProgram> {
    const { connectTimeout, noPort, start } = this.#options;
    let program: ListeningProgram | undefined;
    // Its own limit, as long as the login's: the next login must not wait for a start that the first one has given up.
    const limit = AbortSignal.timeout(connectTimeout);
    try {
      const own = (program = await start(destination));
      this.#programs.add(own);
      const starting = this.#starting.get(key);
      void own.gone.then(() => {
        this.#programs.delete(own);
        if (this.#starting.get(key) === starting) this.#starting.delete(key);
      });
      if (this.#isClosed) void own.close();
      const port = await own.port(limit);
      if (port === undefined) throw noPort(own);
      return { program: own, port, users: new Set() };
    } catch (error) {
      this.#starting.delete(key);
      void program?.close();
      throw error;
    }
  }
}
