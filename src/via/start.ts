// Starts a tunnel, and makes the function that dials a database through it.

import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import type { Address } from "../base/address.ts";
import type { RdsIamError } from "../base/errors.ts";
import type { Via } from "./parse.ts";
import type { EiceService } from "./eice.ts";
import type { RdsAuthProxyAddress, RelayAddress } from "./parse-server.ts";
import type { ProveIdentity } from "./relay.ts";
import type { SsmService } from "./ssm.ts";
import type { Tunnel, TunnelOptions } from "./tunnel.ts";

/** A tunnel through Systems Manager. */
export type SsmVia = Extract<Via, { readonly kind: "ssm" }>;

/** ssh through an EC2 Instance Connect Endpoint. */
export type EiceVia = Extract<Via, { readonly kind: "eice" }>;

/** How sessions of Systems Manager are opened. */
export interface SsmOptions {
  readonly service: SsmService;
  /** Whether by the plugin. */
  readonly plugin: boolean;
  /** How many at once, without the plugin. */
  readonly sessions: number;
}

/** Starts a tunnel; undefined where the database is dialed directly. */
export async function startTunnel(
  via: Via,
  options: TunnelOptions & {
    /** Asked for a tunnel through Systems Manager. */
    readonly ssm: (via: SsmVia) => Promise<SsmOptions>;
    /** Asked for ssh through an EC2 Instance Connect Endpoint. */
    readonly eice: (via: EiceVia) => Promise<EiceService>;
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
    case "eice": {
      const { eiceCarrier } = await import("./eice.ts");
      const { instance, user } = via;
      const carrier = eiceCarrier(instance, await options.eice(via), options.connectTimeout);
      const bastion = { host: instance, port: undefined, user, carrier };
      return (await import("./ssh.ts")).sshTunnel(bastion, options);
    }
    case "ssm":
      return ssm(await options.ssm(via), options);
    case "command":
      return (await import("./command.ts")).commandTunnel(via.command, options);
    case "kube":
      return (await import("./kube.ts")).kubeTunnel(via, options);
    case "relay":
      return (await import("./relay.ts")).relayTunnel(via, options.proveIdentity, () =>
        carrierOf(via, options),
      );
    case "rds-auth-proxy":
      return (
        (await carrierOf(via, options)) ??
        (await import("./rds-auth-proxy.ts")).rdsAuthProxyTunnel(via)
      );
  }
}

// What reaches a server that cannot be dialed.
async function carrierOf(
  { kube }: RelayAddress | RdsAuthProxyAddress,
  options: TunnelOptions,
): Promise<Tunnel | undefined> {
  return kube === undefined ? undefined : (await import("./kube.ts")).kubeTunnel(kube, options);
}

async function ssm({ plugin, service, sessions }: SsmOptions, options: TunnelOptions) {
  if (!plugin) return (await import("./ssm.ts")).ssmTunnel(service, { ...options, sessions });
  const { ssmPluginTunnel } = await import("./ssm-plugin.ts");
  return ssmPluginTunnel(service.startSession, options);
}

/** A database at the end of a tunnel. */
export interface TunnelEnd {
  readonly host: string;
  readonly port: number;
  /** Looks its addresses up from here; undefined where the far end looks the name up. */
  readonly addresses: (() => Promise<readonly Address[]>) | undefined;
}

/** Makes a function that gets a tunnel ready for the next connection to a database; undefined where there is nothing to do. */
export function tunnelPreparer(
  { prepare }: Tunnel,
  { host, port, addresses }: TunnelEnd,
): (() => void) | undefined {
  if (prepare === undefined) return undefined;
  return () => {
    const looked = addresses?.() ?? Promise.resolve([{ address: host }]);
    // A name that does not exist is the login's error.
    looked.then(
      ([first]) => first && prepare({ host, port, address: first.address }),
      () => {},
    );
  };
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
        const { address } = candidate;
        const isBrief = only !== undefined;
        const socket = await tunnel.open({ host, port, address, isBrief }, signal);
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
