// session-manager-plugin, called as the AWS CLI calls it: it listens on a loopback port and carries each connection
// through AWS to the far end. From version 1.2.497.0 on it takes the session's token from a variable; before that only
// from the command line, which every user of the machine can read.
// A small shell beside it ends it when we are gone: the plugin itself would not notice.
// https://github.com/aws/session-manager-plugin

import { type ChildProcess, execFile, spawn } from "node:child_process";
import process from "node:process";
import { promisify } from "node:util";
import { shown, viaError } from "./child-stream.ts";

const LAST_VERSION_WITHOUT_VARIABLE = [1, 2, 497, 0]; // awscli/customizations/sessionmanager.py
const VARIABLE = "AWS_SSM_START_SESSION_RESPONSE";
const OPENED = /Port (\d{1,5}) opened for sessionId/;
const VERSION_LIMIT = 5_000; // ms
const KILL_DELAY = 1_500; // ms from SIGINT, on which it says goodbye to AWS, to SIGKILL
const MAX_OUTPUT = 4_000; // characters kept

// The plugin takes the shell's own process id. The pipe ends when the plugin has, or when we are gone.
const GUARD = `
exec 3<&0 </dev/null
( read -r _ <&3; kill -s INT $$ || exit; sleep 1; kill -s KILL $$ ) >/dev/null 2>&1 &
exec "$@" 3<&-
`;

/** A session as StartSession has opened it; TokenValue is a secret. */
export interface SsmSession {
  readonly response: {
    readonly SessionId: string;
    readonly TokenValue: string;
    readonly StreamUrl: string;
  };
  /** The parameters of the request. */
  readonly request: Readonly<Record<string, unknown>>;
  readonly region: string;
  readonly profile: string | undefined;
  readonly endpoint: string;
}

/** Whether a plugin takes the token from a variable. */
export async function takesVariable(
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

/** How a plugin is started. */
export interface PluginOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether it takes the token from a variable. */
  readonly isSafe: boolean;
}

/** A running plugin. */
export class Plugin {
  /** Resolves when it is gone. */
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;
  #output = "";
  #how: string | undefined;
  #isClosing = false;
  #heard: () => void = () => {};

  constructor(file: string, session: SsmSession, options: PluginOptions) {
    this.#child = spawnPlugin(file, session, options);
    const { stderr, stdin, stdout } = this.#child;
    for (const stream of [stdout, stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => this.#hear(text));
      stream?.on("error", () => {});
    }
    stdin?.on("error", () => {});
    this.gone = new Promise((resolve) => {
      const settle = (how: string): void => {
        this.#how ??= how;
        stdin?.destroy();
        this.#heard();
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

  /** Whether it ended without being told to. */
  get hasDied(): boolean {
    return !this.isRunning && !this.#isClosing;
  }

  /** Its last words, and how it ended: the sentences of a DETAIL. */
  get detail(): string {
    const how = this.#how === undefined ? "still runs" : `ended with ${this.#how}`;
    const said = shown(this.#output);
    return `session-manager-plugin ${how}. ${said === "" ? "It said nothing." : `It said: ${said}`}`;
  }

  /** The port that it listens on; rejects with ERR_VIA when it ends, or `limit` aborts, before it has one. */
  async port(limit: AbortSignal): Promise<number> {
    const onAbort = (): void => this.#heard();
    limit.addEventListener("abort", onAbort);
    try {
      for (;;) {
        const port = OPENED.exec(this.#output)?.[1];
        if (port !== undefined) return Number(port);
        if (!this.isRunning || limit.aborted) throw this.#failed();
        await new Promise<void>((resolve) => (this.#heard = resolve));
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

  #failed(): Error {
    return viaError("session-manager-plugin opened no port", {
      detail: this.detail,
      hint: "Check that the instance is connected to Systems Manager: aws ssm describe-instance-information",
    });
  }

  #hear(text: string): void {
    this.#output = (this.#output + text).slice(-MAX_OUTPUT);
    this.#heard();
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
