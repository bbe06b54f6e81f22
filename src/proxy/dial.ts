// Opens a TCP connection to the first address that answers: one attempt every 250 ms, IPv6 and IPv4 in turn.
// Written out because the runtimes' own happy eyeballs differ; https://www.rfc-editor.org/rfc/rfc8305
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { Address } from "../base/address.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import type { HostPort } from "../base/host-port.ts";

const ATTEMPT_DELAY = 250; // ms, RFC 8305 section 5

/** A connection to the backend on which nothing has been sent yet. */
export interface DialedConnection {
  readonly socket: Duplex;
  readonly address: Address;
}

/** Where to dial; `host` is for messages. */
export interface DialTarget extends HostPort {
  readonly addresses: readonly Address[];
}

/** Resolves with a connected socket (NODELAY set); rejects with ERR_CONNECT, or the signal's reason. */
export async function dial(target: DialTarget, signal: AbortSignal): Promise<Socket> {
  const [only, ...others] = target.addresses;
  if (only !== undefined && others.length === 0) return dialOnly(only, target, signal);
  const settled = new AbortController();
  const stop = AbortSignal.any([signal, settled.signal]);
  const failures: string[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  const attempts = interleave(target.addresses).map(({ address }) => {
    const mine = turn;
    const attempt = mine.then(() => open(address, target.port, stop));
    const failed = attempt.catch((error: Error) => failures.push(failureOf(address, error)));
    turn = Promise.race([failed, mine.then(() => delay(ATTEMPT_DELAY, undefined, { ref: false }))]);
    return attempt;
  });
  try {
    return await Promise.any(attempts);
  } catch (error) {
    signal.throwIfAborted();
    throw connectError(target, failures, error);
  } finally {
    settled.abort();
  }
}

// Most names of RDS have one address, and there is nothing to race.
async function dialOnly(
  { address }: Address,
  target: DialTarget,
  signal: AbortSignal,
): Promise<Socket> {
  try {
    return await open(address, target.port, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw connectError(target, [failureOf(address, error as Error)], error);
  }
}

function failureOf(address: string, error: Error): string {
  return `${address}: ${errorCode(error, error.message)}`;
}

/** Notes an RdsIamError that a connection fails with: only the dialer knows why its tunnel broke. */
export function watchBreak(socket: Duplex): () => RdsIamError | undefined {
  let failure: Error | undefined;
  socket.on("error", (error) => (failure ??= error));
  return () => {
    const known = failure ?? socket.errored;
    return known instanceof RdsIamError ? known : undefined;
  };
}

function open(address: string, port: number, stop: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    stop.throwIfAborted();
    const socket = connect({ host: address, port, noDelay: true, allowHalfOpen: true });
    const onStop = (): void => {
      socket.destroy();
      reject(stop.reason as Error);
    };
    stop.addEventListener("abort", onStop, { once: true });
    const onError = (error: Error): void => {
      stop.removeEventListener("abort", onStop);
      reject(error);
    };
    socket.once("error", onError);
    socket.once("connect", () => {
      stop.removeEventListener("abort", onStop);
      // What listens from now on holds nothing of the attempt.
      socket.off("error", onError).on("error", ignore);
      // Another attempt may have won in the same turn; then this one is not needed.
      if (stop.aborted) return onStop();
      resolve(socket);
    });
  });
}

// The close that follows it reports it.
function ignore(): void {}

function interleave(addresses: readonly Address[]): Address[] {
  const first = addresses[0]?.family;
  const same = addresses.filter((address) => address.family === first);
  const other = addresses.filter((address) => address.family !== first);
  return same
    .flatMap((address, index) => [address, ...other.slice(index, index + 1)])
    .concat(other.slice(same.length));
}

function connectError(
  target: DialTarget,
  failures: readonly string[],
  cause: unknown,
): RdsIamError {
  return new RdsIamError(`could not connect to ${target.host} port ${target.port}`, {
    code: "ERR_CONNECT",
    detail: failures.length === 0 ? "The name has no address." : `Tried ${failures.join(", ")}.`,
    hint: connectHint(failures.join(" ")),
    cause,
  });
}

function connectHint(failures: string): string {
  if (failures === "") return "Check the name; --via lets a bastion or a proxy look it up.";
  if (failures.includes("ECONNREFUSED")) {
    return "Check rds_port and that the database is running, or the tunnel that --host points to: nothing listens at that port.";
  }
  if (/EHOSTUNREACH|ENETUNREACH/.test(failures)) {
    return "There is no route to it from here: check the VPN, or go through a bastion or a proxy with --via.";
  }
  return "Check the VPN, the security group and the route to the database; a private one is reached with --via.";
}
