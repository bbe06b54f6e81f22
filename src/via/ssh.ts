// The tunnel through a bastion: `ssh -W`, with the system's own ssh, its configuration, agent and known_hosts.
// All logins of a run share one ssh connection (OpenSSH's ControlMaster). It is opened before the tool starts, while ssh may
// still ask for a passphrase on the terminal; ssh then goes to the background in a session of its own, where no Ctrl-C
// reaches it. If it has to be opened again, ssh may not ask.
// A user's configuration is read for that connection alone, and what in it is for interactive use is overridden. The clients of
// the connection read none: they need nothing of it, and StdinNull or a slow `Match exec` would be theirs too.
// A small shell ends it and removes its directory however this process ends: it reads a pipe that only this process holds.
// https://man.openbsd.org/ssh#W, https://man.openbsd.org/ssh_config#ControlMaster

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { RdsIamError } from "../base/errors.ts";
import { atMost, unlessAborted } from "../base/deadline.ts";
import { startProgram } from "../runtime/start-program.ts";
import { SHELL } from "../system/program.ts";
import { shellWord } from "../system/shell-word.ts";
import { ChildStreams, type ProgramEnd, programDetail, shown } from "./child-stream.ts";
import type { SshCarrier } from "./eice.ts";
import { showHostPort } from "../base/host-port.ts";
import { type Destination, type Tunnel, tunnelError, type TunnelOptions } from "./tunnel.ts";

const ALIVE_INTERVAL = 15; // s; three without an answer end the connection
const LONGEST_TMPDIR = 60; // ssh adds 17 characters to the socket's path, which may have 103 on macOS
const GUARD_LIMIT = 3_000; // ms for the connection to end
const ASKING_LIMIT = 120_000; // ms for the first connection: a person may be typing, or looking for a token

const GUARD = `
read -r _
directory=$1
shift
"$@" </dev/null >/dev/null 2>&1
rm -rf -- "$directory"
`;

/** A bastion as `--via` names it. */
export interface Bastion {
  readonly host: string;
  readonly port: number | undefined;
  readonly user: string | undefined;
  /** Carries ssh's connections, where it cannot dial the host itself. */
  readonly carrier?: SshCarrier | undefined;
}

/** Connects to the bastion, and makes a tunnel that opens connections from there. */
export async function sshTunnel(bastion: Bastion, options: TunnelOptions): Promise<Tunnel> {
  const file = await options.findProgram("ssh").catch((cause: unknown) => {
    throw tunnelError("ssh was not found", {
      detail: "No directory of PATH has an executable file of this name.",
      hint: "Install it: apt install openssh-client",
      cause,
    });
  });
  const name = bastion.host;
  if (process.platform === "win32") return unsharedTunnel(file, bastion, options);
  const master = await SshMaster.prepare(file, bastion, options);
  try {
    await master.ensure(new AbortController().signal);
  } catch (error) {
    await master.close();
    throw error;
  }
  options.note(`tunnel: one ssh connection to ${name} for all logins of this run`);
  const streams = new ChildStreams(options.onBroken);
  return {
    open: async (destination, signal) => {
      await master.ensure(signal);
      const address = showHostPort({ host: destination.address, port: destination.port });
      const args = master.clientWords("-W", address);
      const explain = (end: ProgramEnd) => whyEnded(end, { master, bastion, destination });
      return streams.open({ file, args, env: options.env, explain }, signal);
    },
    [Symbol.asyncDispose]: async () => {
      await streams.close();
      await master.close();
    },
  };
}

// The OpenSSH of Windows has no ControlMaster: each connection is a login of its own, and nothing can be asked while a tool runs.
function unsharedTunnel(file: string, bastion: Bastion, options: TunnelOptions): Tunnel {
  const { connectTimeout, env, note, onBroken } = options;
  const { carrier, host: name, port, user } = bastion;
  if (carrier !== undefined) {
    throw tunnelError("ssh+eice:// does not work on Windows", {
      detail: "It needs an ssh whose logins share a connection, which Windows does not have.",
      hint: "Use --via ssm, or run rdsiam in WSL.",
    });
  }
  note(`tunnel: an ssh connection to ${name} for each login`);
  const streams = new ChildStreams(onBroken);
  const seconds = Math.max(1, Math.ceil(connectTimeout / 1_000));
  const settings = option(
    "BatchMode=yes",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    `ConnectTimeout=${seconds}`,
    `ServerAliveInterval=${ALIVE_INTERVAL}`,
  );
  const login = [
    ...(port === undefined ? [] : ["-p", String(port)]),
    ...(user === undefined ? [] : ["-l", user]),
  ];
  return {
    open: async (destination, signal) => {
      const address = showHostPort({ host: destination.address, port: destination.port });
      const args = [...settings, ...login, "-W", address, "--", name];
      const explain = async (end: ProgramEnd) => {
        if (end.hasRead && (end.isClean || end.how === undefined)) return undefined;
        // ssh's own failures end with 255, what sshd refuses too.
        return /open failed|administratively/.test(end.stderr)
          ? notOpened(end, bastion, destination)
          : tunnelError(`ssh could not connect to ${name}`, {
              detail: programDetail("ssh", end),
              hint: bastionHint(end.stderr, bastion),
            });
      };
      return streams.open({ file, args, env, explain }, signal);
    },
    [Symbol.asyncDispose]: () => streams.close(),
  };
}

interface SshConnection {
  readonly master: SshMaster;
  readonly bastion: Bastion;
  readonly destination: Destination;
}

// A client of the shared connection also exits with 0 when that connection has died under it.
async function whyEnded(
  end: ProgramEnd,
  connection: SshConnection,
): Promise<RdsIamError | undefined> {
  const { master, bastion, destination } = connection;
  const [isAlive, logged] = await Promise.all([master.isAlive(), master.logged()]);
  if (!isAlive) {
    if (master.carrierReason !== undefined) return master.carrierReason;
    return tunnelError(`the ssh connection to ${bastion.host} broke`, {
      detail: `Its process ended.${logged === "" ? "" : ` Its log: ${logged}`}`,
      hint: "The next login opens it again; a key with a passphrase must be in the agent for that (ssh-add).",
    });
  }
  if (end.hasRead && (end.isClean || end.how === undefined)) return undefined;
  const said = [end.stderr, logged].filter((text) => text !== "").join(" | ");
  return notOpened({ ...end, stderr: said }, bastion, destination);
}

function notOpened(end: ProgramEnd, bastion: Bastion, destination: Destination): RdsIamError {
  return tunnelError(
    `${bastion.host} opened no connection to ${destination.host} port ${destination.port}`,
    { detail: programDetail("ssh", end), hint: destinationHint(end.stderr, bastion, destination) },
  );
}

function destinationHint(said: string, bastion: Bastion, destination: Destination): string {
  const { host: name } = bastion;
  if (/administratively prohibited/.test(said)) {
    return `sshd on ${name} forbids it: see AllowTcpForwarding and PermitOpen there.`;
  }
  if (/Name or service not known|resolve/i.test(said)) {
    return `${name} does not know the name: check its DNS, or set rds_dns_servers to look it up from here.`;
  }
  return `Check from the bastion: ${loginLine(bastion)} nc -vz ${destination.address} ${destination.port}`;
}

// The shared connection.
class SshMaster {
  readonly #file: string;
  readonly #bastion: Bastion;
  readonly #options: TunnelOptions;
  readonly #directory: string;
  readonly #guard: ChildProcess;
  #starting: Promise<void> | undefined;
  #wasOpened = false;

  /** Makes the directory for the control socket; nothing is connected yet. */
  static async prepare(file: string, bastion: Bastion, options: TunnelOptions): Promise<SshMaster> {
    const usual = options.env["TMPDIR"] || tmpdir();
    const base = usual.length > LONGEST_TMPDIR ? "/tmp" : usual;
    const directory = await mkdtemp(join(base, "rdsiam-ssh-"));
    return new SshMaster(file, bastion, { options, directory });
  }

  constructor(
    file: string,
    bastion: Bastion,
    { options, directory }: { readonly options: TunnelOptions; readonly directory: string },
  ) {
    this.#file = file;
    this.#bastion = bastion;
    this.#options = options;
    this.#directory = directory;
    const exit = [file, ...this.clientWords("-O", "exit")];
    this.#guard = spawn(SHELL, ["-c", GUARD, "sh", directory, ...exit], {
      env: { ...options.env },
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#guard.on("error", () => {});
    this.#guard.stdin?.on("error", () => {});
  }

  /** The words of an ssh that uses the connection, and fails where it is not there. */
  clientWords(...words: readonly string[]): readonly string[] {
    const settings = option("ControlMaster=no", "BatchMode=yes", "ProxyCommand=false");
    return this.#words("-F", "/dev/null", ...settings, ...words);
  }

  #words(...words: readonly string[]): readonly string[] {
    const { host, port, user } = this.#bastion;
    return [
      "-S",
      // ssh expands % in the path.
      this.#socket.replaceAll("%", "%%"),
      ...words,
      ...(port === undefined ? [] : ["-p", String(port)]),
      ...(user === undefined ? [] : ["-l", user]),
      "--",
      host,
    ];
  }

  /** Why what carries the connection has ended, where that is known. */
  get carrierReason(): RdsIamError | undefined {
    return this.#bastion.carrier?.reason();
  }

  get #socket(): string {
    return join(this.#directory, "c");
  }

  get #log(): string {
    return join(this.#directory, "log");
  }

  /** Opens the connection if it is not open; rejects with ERR_VIA. */
  async ensure(signal: AbortSignal): Promise<void> {
    if (await this.isAlive()) return;
    this.#starting ??= this.#start().finally(() => (this.#starting = undefined));
    await unlessAborted(this.#starting, signal);
  }

  /** Whether the connection's process accepts requests. */
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

  /** The end of ssh's log. */
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
    // A killed one leaves its socket, and then ssh would go to the background without one, where it cannot be ended.
    await rm(this.#socket, { force: true });
    const { connectTimeout, env } = this.#options;
    await using carriage = await this.#bastion.carrier?.prepare(this.#directory);
    const seconds = Math.max(1, Math.ceil(connectTimeout / 1_000));
    const words = this.#words(
      "-f",
      "-N",
      "-T",
      "-E",
      this.#log,
      ...option(
        ...(carriage?.settings ?? []),
        "ControlMaster=yes",
        // It ends with this process. With a limit for idle time a passphrase would be asked for again; with ControlPersist at
        // all, ssh drops what a ProxyCommand writes to stderr.
        "ControlPersist=no",
        `BatchMode=${mayAsk ? "no" : "yes"}`,
        "ClearAllForwardings=yes",
        "LogLevel=INFO",
        "PermitLocalCommand=no",
        "RemoteCommand=none",
        "VisualHostKey=no",
        `ConnectTimeout=${seconds}`,
        `ServerAliveInterval=${ALIVE_INTERVAL}`,
        "ServerAliveCountMax=3",
      ),
    );
    // A ProxyCommand keeps stderr, and would die of a pipe that is closed.
    await using log = await open(this.#log, "a", 0o600);
    // In our own session the first time, for ssh to ask on its terminal.
    const child = startProgram(
      { file: this.#file, args: words },
      {
        env: { ...env, ...carriage?.env },
        detached: !mayAsk,
        stdio: ["ignore", "ignore", log.fd],
      },
    );
    const status = await exitWithin(child, mayAsk ? ASKING_LIMIT : connectTimeout);
    if (status === 0) return;
    throw this.carrierReason ?? this.#failed(status, await this.logged());
  }

  #failed(status: string | number, said: string): RdsIamError {
    const { carrier, host } = this.#bastion;
    const how = typeof status === "number" ? `ended with exit status ${status}` : status;
    return tunnelError(`ssh could not connect to ${host}`, {
      detail: `ssh ${how}. ${said === "" ? "It said nothing." : `It said: ${said}`}`,
      hint: carrier === undefined ? bastionHint(said, this.#bastion) : carriedHint(said, host),
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
      resolve(`was not ready in ${limit / 1_000} s`);
    }, limit);
    const settle = (status: number | string): void => {
      clearTimeout(timer);
      resolve(status);
    };
    child.once("error", (error) => settle(`could not be run (${error.message})`));
    child.once("exit", (code, signal) => settle(code ?? `was ended by ${signal}`));
  });
}

// The command that logs in there as the tunnel does.
function loginLine({ host, port, user }: Bastion, ...flags: readonly string[]): string {
  const login = port === undefined ? [] : ["-p", String(port)];
  const place = user === undefined ? host : `${user}@${host}`;
  return ["ssh", ...flags, ...login, place].map(shellWord).join(" ");
}

function bastionHint(said: string, bastion: Bastion): string {
  if (/Permission denied|Too many authentication failures/.test(said)) {
    return `Check the login with: ${loginLine(bastion)}. A key with a passphrase must be in the agent (ssh-add) where ssh cannot ask for it.`;
  }
  if (/Host key verification failed|IDENTIFICATION HAS CHANGED/.test(said)) {
    return `Compare the host key and accept it once with: ${loginLine(bastion)}`;
  }
  return `Check it with: ${loginLine(bastion, "-v")}`;
}

function carriedHint(said: string, host: string): string {
  if (/IDENTIFICATION HAS CHANGED/.test(said)) {
    return `If it was recreated, remove the old key: ssh-keygen -R ${host}`;
  }
  if (/Host key verification failed/.test(said)) {
    return `Connect once on a terminal, where ssh shows the key and asks, or add it to known_hosts under the name ${host}.`;
  }
  if (/Permission denied|Too many authentication failures/.test(said)) {
    return "Check the user (ssh+eice://USER@i-...), and that the instance has the package ec2-instance-connect, which lets keys in.";
  }
  return "Check that sshd runs on the instance, and that its security group lets the endpoint's in at port 22.";
}
