// The tunnel through AWS Systems Manager with its plugin, for rds_ssm_plugin = yes: one session and one session-manager-plugin for
// each address that is dialed, started with the first login and again when the plugin has died or no longer answers.
// The plugin is called as the AWS CLI calls it: it listens on a loopback port and carries each connection through AWS to the
// far end. From version 1.2.497.0 on it takes the session's token from a variable; before that only from the command line,
// which every user of the machine can read. A small shell beside it ends it with this process: the plugin itself would not.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html
// https://github.com/aws/session-manager-plugin

import { type ChildProcess, execFile, spawn } from "node:child_process";
import type { Socket } from "node:net";
import process from "node:process";
import { promisify } from "node:util";
import type { RdsIamError } from "../base/errors.ts";
import { atMost, unlessAborted } from "../base/deadline.ts";
import { shown } from "./child-stream.ts";
import type { SsmSession, StartSsmSession } from "./ssm.ts";
import {
  connectTcp,
  type Destination,
  type Tunnel,
  tunnelError,
  type TunnelOptions,
} from "./tunnel.ts";

const EXIT_DELAY = 500; // ms between the end of a connection and that of the plugin that carried it
const LAST_VERSION_WITHOUT_VARIABLE = [1, 2, 497, 0]; // awscli/customizations/sessionmanager.py
const VARIABLE = "AWS_SSM_START_SESSION_RESPONSE";
const OPENED = /Port (\d{1,5}) opened for sessionId/;
const VERSION_LIMIT = 5_000; // ms
const KILL_DELAY = 1_500; // ms from SIGINT, on which it ends its session with AWS, to SIGKILL
const MAX_OUTPUT = 4_000; // characters kept

// The plugin takes the shell's own process id. The pipe ends when the plugin has, or when we are gone.
const GUARD = `
exec 3<&0 </dev/null
( read -r _ <&3; kill -s INT $$ || exit; sleep 1; kill -s KILL $$ ) >/dev/null 2>&1 &
exec "$@" 3<&-
`;

interface Running {
  readonly plugin: Plugin;
  readonly port: number;
  readonly sockets: Set<Socket>;
}

/** Finds the plugin, and makes a tunnel that starts it with the first login. */
export async function ssmPluginTunnel(
  startSession: StartSsmSession,
  options: TunnelOptions,
): Promise<Tunnel> {
  const file = await options.findProgram("session-manager-plugin").catch((cause: unknown) => {
    throw tunnelError("session-manager-plugin was not found", {
      detail: "rds_ssm_plugin = yes needs it, and no directory of PATH has it.",
      hint: "Set rds_ssm_plugin = no to do without it, or install it: https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html (brew install session-manager-plugin on macOS).",
      cause,
    });
  });
  const { version, isSafe } = await takesVariable(file, options.env);
  options.note(`tunnel: session-manager-plugin ${version} at ${file}`);
  if (!isSafe) {
    options.warn(
      `session-manager-plugin is ${version}: it shows its session's token on the command line; update it to 1.2.536.0 or newer`,
    );
  }
  const starter = new PluginStarter(options.connectTimeout, async ({ address, port }) => {
    const session = await startSession({ host: address, port });
    options.note(`tunnel: session ${session.response.SessionId} to ${address}:${port}`);
    return new Plugin(file, session, { env: options.env, isSafe });
  });
  const hint = "The next login starts session-manager-plugin anew.";
  return {
    open: async (destination, signal) => {
      const { plugin, port, sockets } = await starter.running(destination, signal);
      const address = { host: "127.0.0.1", port };
      const socket = await connectTcp(address, { what: "session-manager-plugin", hint }, signal);
      sockets.add(socket);
      let isAnswered = false;
      const reportIfDied = async (): Promise<void> => {
        // The end of its connections may be seen before its own.
        await atMost(EXIT_DELAY, plugin.gone);
        if (plugin.hasDied) options.onBroken(broken(destination, plugin));
      };
      socket.once("data", () => (isAnswered = true));
      socket.once("close", () => {
        sockets.delete(socket);
        // It accepts connections and carries nothing: it hangs, or its session is over.
        if (!isAnswered && sockets.size === 0) void plugin.close();
        if (isAnswered) void reportIfDied();
      });
      void plugin.gone.then(() => socket.destroy(broken(destination, plugin)));
      return socket;
    },
    [Symbol.asyncDispose]: () => starter.close(),
  };
}

// One start at a time for each address, however many logins wait for it.
class PluginStarter {
  readonly #make: (destination: Destination) => Promise<Plugin>;
  readonly #starting = new Map<string, Promise<Running>>();
  readonly #plugins = new Set<Plugin>();
  readonly #limit: number;
  #isClosed = false;

  constructor(limit: number, make: (destination: Destination) => Promise<Plugin>) {
    this.#limit = limit;
    this.#make = make;
  }

  async running(destination: Destination, signal: AbortSignal): Promise<Running> {
    const key = `${destination.address} ${destination.port}`;
    const starting = this.#starting.get(key) ?? this.#start(key, destination);
    this.#starting.set(key, starting);
    return unlessAborted(starting, signal);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#plugins].map((plugin) => plugin.close()));
  }

  async #start(key: string, destination: Destination): Promise<Running> {
    let plugin: Plugin | undefined;
    // Its own limit, as long as the login's: the next login must not wait for a start that the first one has given up.
    const limit = AbortSignal.timeout(this.#limit);
    try {
      plugin = await this.#make(destination);
      const own = plugin;
      this.#plugins.add(own);
      void own.gone.then(() => {
        this.#plugins.delete(own);
        this.#starting.delete(key);
      });
      if (this.#isClosed) void own.close();
      return { plugin, port: await plugin.port(limit), sockets: new Set() };
    } catch (error) {
      this.#starting.delete(key);
      void plugin?.close();
      throw error;
    }
  }
}

function broken({ host, port }: Destination, plugin: Plugin): RdsIamError {
  return tunnelError(`the Session Manager connection to ${host} port ${port} broke`, {
    detail: plugin.detail,
    hint: "The next login starts it anew. Idle sessions end after the time in Session Manager's preferences.",
  });
}

async function takesVariable(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly version: string; readonly isSafe: boolean }> {
  const options = { env: { ...env }, timeout: VERSION_LIMIT };
  const answer = await promisify(execFile)(file, ["--version"], options).catch(() => undefined);
  const version = answer?.stdout.trim() ?? "";
  if (!/^\d+(\.\d+){0,3}$/.test(version))
    return { version: "of an unknown version", isSafe: false };
  const parts = version.split(".").map(Number);
  for (const [index, last] of LAST_VERSION_WITHOUT_VARIABLE.entries()) {
    const part = parts[index] ?? 0;
    if (part !== last) return { version, isSafe: part > last };
  }
  return { version, isSafe: false };
}

interface PluginOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether it takes the token from a variable. */
  readonly isSafe: boolean;
}

// A running plugin.
class Plugin {
  /** Resolves when it is gone. */
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;
  #output = "";
  #how: string | undefined;
  #isClosing = false;
  #wake: () => void = () => {};

  constructor(file: string, session: SsmSession, options: PluginOptions) {
    this.#child = spawnPlugin(file, session, options);
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

  /** How it ended and the end of its output: the sentences of a DETAIL. */
  get detail(): string {
    const how = this.#how === undefined ? "still runs" : `ended with ${this.#how}`;
    const said = shown(this.#output);
    return `session-manager-plugin ${how}. ${said === "" ? "It said nothing." : `It said: ${said}`}`;
  }

  /** The port that it listens on; rejects with ERR_VIA if it ends, or `limit` aborts, before there is one. */
  async port(limit: AbortSignal): Promise<number> {
    const onAbort = (): void => this.#wake();
    limit.addEventListener("abort", onAbort);
    try {
      for (;;) {
        const port = OPENED.exec(this.#output)?.[1];
        if (port !== undefined) return Number(port);
        if (!this.isRunning || limit.aborted) throw this.#noPort();
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

  #noPort(): Error {
    return tunnelError("session-manager-plugin opened no port", {
      detail: this.detail,
      hint: "Check that the instance is connected to Systems Manager: aws ssm describe-instance-information",
    });
  }

  #read(text: string): void {
    this.#output = (this.#output + text).slice(-MAX_OUTPUT);
    this.#wake();
  }

  #kill(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined || !this.isRunning) return;
    try {
      process.kill(pid, signal);
    } catch {
      // It has just ended.
    }
  }
}

function spawnPlugin(
  file: string,
  session: SsmSession,
  { env, isSafe }: PluginOptions,
): ChildProcess {
  const response = JSON.stringify(session.response);
  const words = [
    isSafe ? VARIABLE : response,
    session.region,
    "StartSession",
    session.profile ?? "",
    JSON.stringify(session.request),
    session.endpoint,
  ];
  return spawn("/bin/sh", ["-c", GUARD, "sh", file, ...words], {
    env: {
      ...env,
      SSM_PLUGIN_LOCAL_HOST: "127.0.0.1",
      ...(isSafe ? { [VARIABLE]: response } : {}),
    },
    detached: true,
    stdio: "pipe",
  });
}
