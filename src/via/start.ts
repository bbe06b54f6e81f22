// Starts a way, and makes from it the function that dials a database through it.

import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import type { Address } from "../base/address.ts";
import type { RdsIamError } from "../base/errors.ts";
import type { Carrier, CarrierOptions } from "./carrier.ts";
import type { Via } from "./parse.ts";
import type { ProveIdentity } from "./relay.ts";
import type { StartSsmSession } from "./ssm.ts";

/** Starts a way; undefined for the direct one. */
export async function startVia(
  via: Via,
  options: CarrierOptions & {
    readonly startSsmSession: StartSsmSession;
    readonly proveIdentity: ProveIdentity;
  },
): Promise<Carrier | undefined> {
  switch (via.kind) {
    case "direct":
      return undefined;
    case "tunnel":
      return (await import("./proxies.ts")).tunnelCarrier(via);
    case "socks5":
    case "http":
    case "https":
      return (await import("./proxies.ts")).proxyCarrier(via.kind, via);
    case "ssh":
      return (await import("./ssh.ts")).startSsh(via, options);
    case "ssm":
      return (await import("./ssm.ts")).startSsm(via.target, options.startSsmSession, options);
    case "command":
      return (await import("./command.ts")).commandCarrier(via.command, options);
    case "relay":
      return (await import("./relay.ts")).startRelayCarrier(via, options.proveIdentity);
    case "rds-auth-proxy":
      return (await import("./rds-auth-proxy.ts")).rdsAuthProxyCarrier(via);
  }
}

/** Where a way is to lead. */
export interface WayTarget {
  readonly host: string;
  readonly port: number;
  /** Looks the addresses up from here; undefined where the far end is to look the name up. */
  readonly addresses: (() => Promise<readonly Address[]>) | undefined;
}

/** Dials through a way: the first address that it gets through to, or the one that is asked for (for a cancel). */
export function dialler(
  carrier: Carrier,
  { host, port, addresses }: WayTarget,
): (signal: AbortSignal, only?: Address) => Promise<{ socket: Duplex; address: Address }> {
  return async (signal, only) => {
    const places =
      only === undefined
        ? ((await addresses?.()) ?? [{ address: host, family: 0 as const }])
        : [only];
    let failure: RdsIamError | undefined;
    for (const place of places) {
      try {
        const socket = await carrier.open({ host, port, address: place.address }, signal);
        return { socket, address: told(carrier.addressOf?.(socket)) ?? place };
      } catch (error) {
        signal.throwIfAborted();
        failure ??= error as RdsIamError;
      }
    }
    throw failure ?? new TypeError("a host without addresses");
  };
}

function told(address: string | undefined): Address | undefined {
  const family = isIP(address ?? "");
  return address === undefined || (family !== 4 && family !== 6) ? undefined : { address, family };
}
