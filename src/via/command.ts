// A command of the user's own as the way: its stdin and stdout are the connection.
// https://man.openbsd.org/ssh_config#ProxyCommand

import { RdsIamError } from "../base/errors.ts";
import type { Carrier, CarrierOptions, CarrierTarget } from "./carrier.ts";
import {
  openStream,
  OpenStreams,
  type ProgramEnd,
  programDetail,
  viaError,
} from "./child-stream.ts";

/** Starts a command for each connection. */
export function commandCarrier(command: string, options: CarrierOptions): Carrier {
  const streams = new OpenStreams();
  return {
    open: async (target, signal) => {
      // `exec` as OpenSSH does it: the shell makes room for the command, which then gets our signals.
      const args = ["-c", `exec ${expandCommand(command, target)}`];
      const explain = async (end: ProgramEnd) => (isEnd(end) ? undefined : broken(target, end));
      const stream = openStream({ file: "/bin/sh", args, env: options.env, explain }, signal);
      stream.once("error", (error) => {
        if (stream.hasRead && error instanceof RdsIamError) options.onBroken(error);
      });
      return streams.add(stream);
    },
    [Symbol.asyncDispose]: () => streams.close(),
  };
}

// A command may end with 0 without a connection, and may go on for a while after one.
function isEnd({ hasRead, how, isClean }: ProgramEnd): boolean {
  return hasRead && (isClean || how === undefined);
}

/** Puts host and port into a command, for %h and %p; %% is a percent sign. Refuses what a shell could take for more than a name. */
export function expandCommand(command: string, { address, port }: CarrierTarget): string {
  if (!/^[\w.:][\w.:-]*$/.test(address)) {
    throw viaError(`the host ${JSON.stringify(address)} cannot be given to a command`, {
      detail: "It has other characters than a host name or an address has.",
      hint: "Check rds_host and where its CNAMEs lead.",
    });
  }
  const values: Readonly<Record<string, string>> = { h: address, p: String(port), "%": "%" };
  return command.replaceAll(/%([hp%])/g, (_, letter: string) => values[letter] ?? "");
}

function broken({ host, port }: CarrierTarget, end: ProgramEnd): RdsIamError {
  return viaError(`the command of rds_via broke the connection to ${host} port ${port}`, {
    detail: programDetail("The command", end),
    hint: "Run the command by hand, with the host for %h and the port for %p; its stdin and stdout must be the connection.",
  });
}
