// Settings of a user's ssh_config that disturb a tunnel, and a connection through one that has them.
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { sshTunnel } from "../../src/via/ssh.ts";
import type { SshScene } from "./via-servers.ts";

/** Each by itself is a configuration; so are all together, where the first value of a setting applies. */
export const DISTURBING: readonly string[] = [
  "StdinNull yes",
  "ControlMaster auto\nControlPath /nowhere/%C\nControlPersist 10m",
  "ControlMaster no\nControlPath none\nControlPersist no",
  "RequestTTY force\nRemoteCommand sleep 100",
  "SessionType none",
  "SessionType subsystem\nRemoteCommand sftp",
  "ForkAfterAuthentication yes",
  "ForkAfterAuthentication no",
  "ExitOnForwardFailure yes\nLocalForward 1 127.0.0.1:1\nRemoteForward 1 127.0.0.1:1\nDynamicForward 1",
  "ExitOnForwardFailure yes\nClearAllForwardings no\nLocalForward TAKEN 127.0.0.1:1",
  "ExitOnForwardFailure yes\nTunnel ethernet\nTunnelDevice any:any",
  "GatewayPorts yes\nStreamLocalBindUnlink yes\nStreamLocalBindMask 0777\nPermitRemoteOpen none",
  "PermitLocalCommand yes\nLocalCommand sleep 100",
  "LogLevel DEBUG3\nVisualHostKey yes\nFingerprintHash md5",
  "LogLevel QUIET",
  "BatchMode yes\nNumberOfPasswordPrompts 0",
  "BatchMode no\nPreferredAuthentications keyboard-interactive,password,publickey",
  "ConnectTimeout 0\nConnectionAttempts 3\nServerAliveInterval 0\nTCPKeepAlive no",
  "ConnectTimeout 1\nServerAliveInterval 1\nServerAliveCountMax 1",
  "EscapeChar none\nEnableEscapeCommandline yes",
  "EscapeChar h",
  'Match exec "cat; echo noise; echo noise >&2"\n  Compression yes',
  "CanonicalizeHostname always\nCanonicalDomains example.com\nMatch canonical\n  RemoteCommand sleep 100",
  "Match final\n  RequestTTY force\n  RemoteCommand sleep 100",
  "AddressFamily inet\nBindAddress 127.0.0.1\nIPQoS none",
  "ForwardAgent yes\nForwardX11 yes\nForwardX11Trusted yes\nXAuthLocation /nowhere",
  "AddKeysToAgent ask\nIdentityAgent /nowhere",
  "UpdateHostKeys ask\nCheckHostIP yes\nHashKnownHosts yes\nVerifyHostKeyDNS ask",
  "SendEnv *\nSetEnv A=b",
  "ProxyCommand sh -c 'echo noise >&2; exec socat - TCP:127.0.0.1:%p'",
  "IgnoreUnknown UseKeychain\nUseKeychain yes",
];

/** Sends words through a tunnel that has the settings, twice; resolves with what has come back. */
export async function throughSsh(ssh: SshScene, settings: string): Promise<readonly string[]> {
  await using server = createServer((socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const file = join(ssh.directory, "config");
  const usual = await readFile(file, "utf8");
  await writeFile(file, `${settings.replaceAll("TAKEN", String(port))}\nMatch all\n${usual}`);
  try {
    await using tunnel = await sshTunnel(
      { host: "127.0.0.1", port: ssh.server.port, user: userInfo().username },
      {
        env: { ...process.env, ...ssh.env },
        connectTimeout: 10_000,
        findProgram: async () => join(ssh.directory, "bin/ssh"),
        note: () => {},
        warn: () => {},
        onBroken: () => {},
      },
    );
    const signal = AbortSignal.timeout(10_000);
    const back: string[] = [];
    for (const words of ["a\n~.\n", "\0h?\n"]) {
      const stream = await tunnel.open({ host: "db", port, address: "127.0.0.1" }, signal);
      let text = "";
      stream.on("data", (chunk) => (text += String(chunk)));
      stream.end(words);
      await once(stream, "end", { signal });
      stream.destroy();
      back.push(text);
    }
    return back;
  } finally {
    await writeFile(file, usual);
  }
}
