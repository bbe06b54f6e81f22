// The tunnel through a command of the user: its stdin and stdout are the connection.
// https://man.openbsd.org/ssh_config#ProxyCommand

import process from "node:process";
import type { RdsIamError } from "../base/errors.ts";
import { shellWords } from "../system/program.ts";
import { ChildStreams, type ProgramEnd, programDetail } from "./child-stream.ts";
import { type Destination, type Tunnel, tunnelError, type TunnelOptions } from "./tunnel.ts";

/** Makes a tunnel that starts the command for each connection. */
export function commandTunnel(command: string, options: TunnelOptions): Tunnel {
  const streams = new ChildStreams(options.onBroken);
  return {
    open: async (destination, signal) => {
      // `exec` as in OpenSSH: the command replaces the shell, and gets our signals.
      const exec = process.platform === "win32" ? "" : "exec ";
      const words = shellWords(`${exec}${expandCommand(command, destination)}`, options.env);
      // A command may exit with 0 without a connection, and may run on for a while after one.
      const explain = async (end: ProgramEnd) =>
        end.hasRead && (end.isClean || end.how === undefined)
          ? undefined
          : broken(destination, end);
      return streams.open({ ...words, env: options.env, explain }, signal);
    },
    [Symbol.asyncDispose]: () => streams.close(),
  };
}

/** Puts host and port into a command, for %h and %p; %% is a percent sign. Throws ERR_VIA for a host that a shell could take for more than a name. */
export function expandCommand(command: string, { address, port }: Destination): string {
  if (!/^[\w.:][\w.:-]*$/.test(address)) {
    throw tunnelError(`the host ${JSON.stringify(address)} cannot be given to a command`, {
      detail: "It has characters that no host name or address has.",
      hint: "Check rds_host and its CNAMEs.",
    });
  }
  const values: Readonly<Record<string, string>> = { h: address, p: String(port), "%": "%" };
  return command.replaceAll(/%([hp%])/g, (_, letter: string) => values[letter] ?? "");
}

function broken({ host, port }: Destination, end: ProgramEnd): RdsIamError {
  return tunnelError(`the command of rds_via broke the connection to ${host} port ${port}`, {
    detail: programDetail("The command", end),
    hint: "Run the command by hand, with the host for %h and the port for %p; its stdin and stdout must be the connection.",
  });
}
