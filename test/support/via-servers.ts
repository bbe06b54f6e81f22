// What stands between rdsiam and a database in the tests: real programs on loopback, each as its users run it.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdirSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { cleanEnvironment } from "./program.ts";
import { listens, until } from "./traces.ts";

/** A program that serves on a loopback port. */
export interface Server extends AsyncDisposable {
  readonly port: number;
  /** Everything that it has printed. */
  readonly output: () => string;
  /** Ends it as a crash would, and waits for that. */
  readonly kill: () => Promise<void>;
  /** Starts it again on its port. */
  readonly restart: () => Promise<void>;
}

/** The path of a program, sbin included; undefined where it is missing. */
export function programFile(name: string): string | undefined {
  const directories = `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/local/sbin`.split(":");
  return directories
    .map((directory) => join(directory, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** A reason to skip a test that needs these programs, or false. */
export function lacking(...names: readonly string[]): string | false {
  const missing = names.filter((name) => programFile(name) === undefined);
  return missing.length > 0 && `${missing.join(", ")} not on this machine`;
}

/** A port that nothing listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Runs a program until it is disposed of; `words` are its arguments for a port. */
export async function startServer(
  name: string,
  words: (port: number) => readonly string[] | Promise<readonly string[]>,
): Promise<Server> {
  const file = programFile(name) ?? name;
  const port = await freePort();
  let output = "";
  let child: ChildProcess | undefined;
  const restart = async (): Promise<void> => {
    child = spawn(file, [...(await words(port))], {
      env: cleanEnvironment(),
      // A group of its own: some fork a process for each connection.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const own = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    }
    await until(async () => {
      if (own.exitCode !== null) throw new Error(`${name} ended: ${output}`);
      return listens(port);
    }, `${name} listens`);
  };
  const kill = async (): Promise<void> => {
    const own = child;
    child = undefined;
    if (own?.pid === undefined) return;
    const gone = own.exitCode === null && own.signalCode === null ? once(own, "exit") : undefined;
    try {
      process.kill(-own.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await gone;
  };
  await restart();
  return { port, output: () => output, kill, restart, [Symbol.asyncDispose]: kill };
}

/** OpenSSH's sshd with keys of its own, and an ssh on PATH that has them in its configuration. */
export interface SshScene extends AsyncDisposable {
  readonly server: Server;
  /** For rdsiam: PATH with the ssh that knows the keys. */
  readonly env: Readonly<Record<string, string>>;
  /** ssh://USER@127.0.0.1:PORT */
  readonly via: string;
  /** Where ssh's own files are. */
  readonly directory: string;
}

/** Starts an sshd for the user who runs the tests. */
export async function startSshd(): Promise<SshScene> {
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-sshd-"));
  await chmod(directory, 0o700);
  const file = (name: string): string => join(directory, name);
  for (const name of ["host", "user"]) {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file(name)]);
  }
  execFileSync("cp", [file("user.pub"), file("authorized_keys")]);
  // Debian's sshd wants the directory that its start script makes.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const server = await startServer("sshd", async (port) => {
    const lines = [`Port ${port}`, "ListenAddress 127.0.0.1", `HostKey ${file("host")}`];
    lines.push(`AuthorizedKeysFile ${file("authorized_keys")}`, "PidFile none", "StrictModes no");
    lines.push("UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no");
    await writeFile(file("sshd_config"), `${lines.join("\n")}\n`);
    return ["-D", "-e", "-f", file("sshd_config")];
  });
  const hostKey = execFileSync("cat", [file("host.pub")], { encoding: "utf8" });
  await writeFile(file("known_hosts"), `[127.0.0.1]:${server.port} ${hostKey}`);
  const lines = [`IdentityFile ${file("user")}`, `UserKnownHostsFile ${file("known_hosts")}`];
  lines.push("IdentitiesOnly yes", "StrictHostKeyChecking yes", "LocalForward 127.0.0.1:1 x:1");
  await writeFile(file("config"), `${lines.join("\n")}\n`);
  mkdirSync(file("bin"));
  // ssh takes the home directory from passwd, whatever HOME says: so it is told where its configuration is.
  const real = programFile("ssh");
  await writeFile(file("bin/ssh"), `#!/bin/sh\nexec ${real} -F ${file("config")} "$@"\n`, {
    mode: 0o755,
  });
  const dispose = async (): Promise<void> => {
    await server[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  };
  return {
    server,
    env: { PATH: `${file("bin")}:${process.env["PATH"] ?? ""}` },
    via: `ssh://${userInfo().username}@127.0.0.1:${server.port}`,
    directory,
    [Symbol.asyncDispose]: dispose,
  };
}

/** A SOCKS5 proxy that asks for user `u` and password `p@ss:w`. */
export function startMicrosocks(): Promise<Server> {
  return startServer("microsocks", (port) => `-i 127.0.0.1 -p ${port} -u u -P p@ss:w`.split(" "));
}

/** A CONNECT proxy that asks for user `u` and password `pw4u`; `allowed` are the ports that it connects to. */
export async function startTinyproxy(allowed: number): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-tinyproxy-"));
  const server = await startServer("tinyproxy", async (port) => {
    const lines = [`Port ${port}`, "Listen 127.0.0.1", "Timeout 600", "LogLevel Info"];
    lines.push("BasicAuth u pw4u", `ConnectPort ${allowed}`);
    const file = join(directory, "tinyproxy.conf");
    await writeFile(file, `${lines.join("\n")}\n`);
    return ["-d", "-c", file];
  });
  const dispose = async (): Promise<void> => {
    await server[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  };
  return { ...server, [Symbol.asyncDispose]: dispose };
}

/** TLS before an HTTP proxy, with a PEM file of certificate and key. */
export function startTlsFront(port: number, pem: string): Promise<Server> {
  return startServer("socat", (local) => [
    `OPENSSL-LISTEN:${local},bind=127.0.0.1,fork,reuseaddr,verify=0,cert=${pem}`,
    `TCP:127.0.0.1:${port}`,
  ]);
}

/** A tunnel as `ssh -L` would make it. */
export function startTunnel(port: number): Promise<Server> {
  return startServer("socat", (local) => [
    `TCP-LISTEN:${local},bind=127.0.0.1,fork,reuseaddr`,
    `TCP:127.0.0.1:${port}`,
  ]);
}
