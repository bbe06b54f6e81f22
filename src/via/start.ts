// Starts a tunnel, and makes the function that dials a database through it.

import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import type { Address } from "../base/address.ts";
import type { RdsIamError } from "../base/errors.ts";
import type { Via } from "./parse.ts";
import type { ProveIdentity } from "./relay.ts";
import type { StartSsmSession } from "./ssm.ts";
import type { Tunnel, TunnelOptions } from "./tunnel.ts";

/** Starts a tunnel; undefined where the database is dialed directly. */
export async function startTunnel(
  via: Via,
  options: TunnelOptions & {
    readonly startSsmSession: StartSsmSession;
    readonly proveIdentity: ProveIdentity;
  },
): Promise<Tunnel | undefined> {
  switch (via.kind) {
    case "direct":
      return undefined;
    case "forwarded-port":
      return (await import("./proxies.ts")).forwardedPort(via);
    case "socks5":
    case "http":
    case "https":
      return (await import("./proxies.ts")).proxyTunnel(via.kind, via);
    case "ssh":
      return (await import("./ssh.ts")).sshTunnel(via, options);
    case "ssm":
      return (await import("./ssm.ts")).ssmTunnel(options.startSsmSession, options);
    case "command":
      return (await import("./command.ts")).commandTunnel(via.command, options);
    case "relay":
      return (await import("./relay.ts")).relayTunnel(via, options.proveIdentity);
    case "rds-auth-proxy":
      return (await import("./rds-auth-proxy.ts")).rdsAuthProxyTunnel(via);
  }
}

/** A database at the end of a tunnel. */
export interface TunnelEnd {
  readonly host: string;
  readonly port: number;
  /** Looks its addresses up from here; undefined where the far end looks the name up. */
  readonly addresses: (() => Promise<readonly Address[]>) | undefined;
}

/** Dials through a tunnel: the first address that it reaches, or `only` (for a cancel). */
export function tunnelDialer(
  tunnel: Tunnel,
  { host, port, addresses }: TunnelEnd,
): (signal: AbortSignal, only?: Address) => Promise<{ socket: Duplex; address: Address }> {
  return async (signal, only) => {
    const candidates =
      only === undefined
        ? ((await addresses?.()) ?? [{ address: host, family: 0 as const }])
        : [only];
    let failure: RdsIamError | undefined;
    for (const candidate of candidates) {
      try {
        const socket = await tunnel.open({ host, port, address: candidate.address }, signal);
        return { socket, address: reported(tunnel.addressOf?.(socket)) ?? candidate };
      } catch (error) {
        signal.throwIfAborted();
        failure ??= error as RdsIamError;
      }
    }
    throw failure ?? new TypeError("a host without addresses");
  };
}

function reported(address: string | undefined): Address | undefined {
  const family = isIP(address ?? "");
  return address === undefined || (family !== 4 && family !== 6) ? undefined : { address, family };
}
