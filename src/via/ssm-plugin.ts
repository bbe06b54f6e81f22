// The tunnel through AWS Systems Manager with its plugin, for rds_ssm_plugin = yes: one session and one session-manager-plugin for
// each address that is dialed, started with the first login and again when the plugin has died or no longer answers.
// The plugin is called as the AWS CLI calls it: it listens on a loopback port and carries each connection through AWS to the
// far end. From version 1.2.497.0 on it takes the session's token from a variable; before that only from the command line,
// which every user of the machine can read.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html
// https://github.com/aws/session-manager-plugin

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Environment } from "../base/context.ts";
import { isAbove } from "../ssm/handshake.ts";
import type { StartedSession } from "../ssm/session.ts";
import { ListeningProgram, ListeningPrograms } from "./listening-program.ts";
import type { StartSsmSession } from "./ssm.ts";
import { type Tunnel, tunnelError, type TunnelOptions } from "./tunnel.ts";

const NAME = "session-manager-plugin";
const LAST_VERSION_WITHOUT_VARIABLE = "1.2.497.0"; // awscli/customizations/sessionmanager.py
const VARIABLE = "AWS_SSM_START_SESSION_RESPONSE";
const VERSION_LIMIT = 5_000; // ms

/** Finds the plugin, and makes a tunnel that starts it with the first login. */
export async function ssmPluginTunnel(
  startSession: StartSsmSession,
  options: TunnelOptions,
): Promise<Tunnel> {
  const file = await options.findProgram(NAME).catch((cause: unknown) => {
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
  const programs = new ListeningPrograms({
    ...options,
    name: NAME,
    keyOf: ({ address, port }) => `${address} ${port}`,
    start: async ({ address, port }) => {
      const session = await startSession({ host: address, port });
      options.note(`tunnel: session ${session.response.SessionId} to ${address}:${port}`);
      return startPlugin(file, session, { env: options.env, isSafe });
    },
    noPort: ({ detail }) =>
      tunnelError("session-manager-plugin opened no port", {
        detail,
        hint: "Check that the instance is connected to Systems Manager: aws ssm describe-instance-information",
      }),
    broken: ({ host, port }, { detail }) =>
      tunnelError(`the Session Manager connection to ${host} port ${port} broke`, {
        detail,
        hint: "The next login starts it again. Idle sessions end after the time in Session Manager's preferences.",
      }),
  });
  return {
    open: (destination, signal) => programs.open(destination, signal),
    [Symbol.asyncDispose]: () => programs.close(),
  };
}

async function takesVariable(
  file: string,
  env: Environment,
): Promise<{ readonly version: string; readonly isSafe: boolean }> {
  const options = { env: { ...env }, timeout: VERSION_LIMIT };
  const answer = await promisify(execFile)(file, ["--version"], options).catch(() => undefined);
  const version = answer?.stdout.trim() ?? "";
  if (!/^\d+(\.\d+){0,3}$/.test(version))
    return { version: "of an unknown version", isSafe: false };
  return { version, isSafe: isAbove(version, LAST_VERSION_WITHOUT_VARIABLE) };
}

interface PluginOptions {
  readonly env: Environment;
  /** Whether it takes the token from a variable. */
  readonly isSafe: boolean;
}

function startPlugin(
  file: string,
  session: StartedSession,
  { env, isSafe }: PluginOptions,
): ListeningProgram {
  const response = JSON.stringify(session.response);
  return new ListeningProgram({
    name: NAME,
    file,
    args: [
      isSafe ? VARIABLE : response,
      session.region,
      "StartSession",
      session.profile ?? "",
      JSON.stringify(session.request),
      session.endpoint,
    ],
    env: {
      ...env,
      SSM_PLUGIN_LOCAL_HOST: "127.0.0.1",
      ...(isSafe ? { [VARIABLE]: response } : {}),
    },
    opened: /Port (\d{1,5}) opened for sessionId/,
    noise: /^(?:Connection accepted for session|Waiting for connections).*$/gm,
  });
}
