// A bastion as the way: `ssh -W`, with the system's own ssh, its configuration, agent and known_hosts.
// https://man.openbsd.org/ssh#W

import { RdsIamError } from "../base/errors.ts";
import type { Carrier, CarrierOptions, CarrierTarget } from "./carrier.ts";
import {
  openStream,
  OpenStreams,
  type ProgramEnd,
  programDetail,
  viaError,
} from "./child-stream.ts";
import { showHostPort } from "../base/host-port.ts";
import { SshMaster } from "./ssh-master.ts";

/** A bastion as rds_via names it. */
export interface Bastion {
  readonly host: string;
  readonly port: number | undefined;
  readonly user: string | undefined;
}

/** Connects to the bastion, and gives a way that opens connections from there. */
export async function startSsh(bastion: Bastion, options: CarrierOptions): Promise<Carrier> {
  const file = await findSsh(options);
  const destination = [
    ...(bastion.port === undefined ? [] : ["-p", String(bastion.port)]),
    ...(bastion.user === undefined ? [] : ["-l", bastion.user]),
    "--",
    bastion.host,
  ];
  const { env, connectTimeout } = options;
  const name = bastion.host;
  const master = await SshMaster.prepare({ file, destination, bastion: name, env, connectTimeout });
  try {
    await master.ensure(new AbortController().signal);
  } catch (error) {
    await master.close();
    throw error;
  }
  options.note(`way: one ssh connection to ${name} for all logins of this run`);
  const streams = new OpenStreams();
  const open = async (target: CarrierTarget, signal: AbortSignal) => {
    await master.ensure(signal);
    const place = showHostPort({ host: target.address, port: target.port });
    const settings = ["ControlMaster=no", "BatchMode=yes", "RemoteCommand=none"];
    const words = settings.flatMap((setting) => ["-o", setting]);
    const args = [...master.controlWords, ...words, "-W", place, ...destination];
    const explain = (end: ProgramEnd) => verdict(end, { master, name, target });
    const stream = openStream({ file, args, env, explain }, signal);
    stream.once("error", (error) => {
      if (stream.hasRead && error instanceof RdsIamError) options.onBroken(error);
    });
    return streams.add(stream);
  };
  const close = async (): Promise<void> => {
    await streams.close();
    await master.close();
  };
  return { open, [Symbol.asyncDispose]: close };
}

interface Circumstances {
  readonly master: SshMaster;
  readonly name: string;
  readonly target: CarrierTarget;
}

// A client of the shared connection exits with 0 too when that connection has died under it.
async function verdict(end: ProgramEnd, at: Circumstances): Promise<RdsIamError | undefined> {
  const { master, name, target } = at;
  const [isAlive, logged] = await Promise.all([master.isAlive(), master.logged()]);
  if (!isAlive) {
    return viaError(`the ssh connection to ${name} broke`, {
      detail:
        logged === "" ? "Its process is gone." : `Its process is gone. It had said: ${logged}`,
      hint: "The next login opens it anew; a key with a passphrase must be in the agent for that (ssh-add).",
    });
  }
  if (end.hasRead && (end.isClean || end.how === undefined)) return undefined;
  const said = [end.stderr, logged].filter((text) => text !== "").join(" | ");
  return viaError(`${name} opened no connection to ${target.host} port ${target.port}`, {
    detail: programDetail("ssh", { ...end, stderr: said }),
    hint: hintFor(said, at),
  });
}

function hintFor(said: string, { name, target }: Circumstances): string {
  if (/administratively prohibited/.test(said)) {
    return `sshd on ${name} forbids it: see AllowTcpForwarding and PermitOpen there.`;
  }
  if (/Name or service not known|resolve/i.test(said)) {
    return `${name} does not know the name: check its DNS, or set rds_dns_servers to look it up from here.`;
  }
  return `Check from the bastion: ssh ${name} nc -vz ${target.address} ${target.port}`;
}

async function findSsh({ findProgram }: CarrierOptions): Promise<string> {
  try {
    return await findProgram("ssh");
  } catch (cause) {
    throw viaError("ssh was not found", {
      detail: "No directory of PATH has an executable file of this name.",
      hint: "Install it: apt install openssh-client",
      cause,
    });
  }
}
