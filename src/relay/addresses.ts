// From a database's name to the addresses that a relay dials. A listed name is not enough: a change of its DNS records could
// otherwise lead the relay to the metadata service, or to its own host. So without networks of its own a relay dials what a
// database can have, and with them nothing else. A name is looked up once for each request, and the addresses that were
// checked are the ones that are dialed: there is no second lookup with another answer.
// A cancel has to reach the very instance of its session, maybe through another replica of the relay. So a client may name
// one address, which is dialed if DNS has it for the name now, had it a short while ago, or has it for another database that
// the same caller may reach (an instance behind a reader endpoint).
// https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry

import { isIP } from "node:net";
import { type Address, isNetwork, networkRule } from "../base/address.ts";
import { RdsIamError } from "../base/errors.ts";
import type { RelayTarget } from "./access.ts";
import { RelayRefusal } from "./refusal.ts";

/** Looks a name up. */
export type Resolve = (host: string) => Promise<readonly Address[]>;

const MEMORY = 3_600_000; // ms for which a client may name an address after DNS last had it
const MAX_LOOKUPS = 64; // names that are looked up for one cancel

// What no database has: this host, loopback, link-local with the metadata services, multicast, reserved, and the forms that
// stand for an IPv4 address (NAT64, 6to4; BlockList itself sees through ::ffff:). EC2's metadata service also has fd00:ec2::254.
const NEVER: readonly string[] = [
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "192.0.0.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/96",
  "64:ff9b::/96",
  "64:ff9b:1::/48",
  "2002::/16",
  "fe80::/10",
  "ff00::/8",
  "fd00:ec2::/32",
];

/** Looks addresses up, and remembers them. */
export class AddressBook {
  readonly #resolve: Resolve;
  readonly #networks: () => readonly string[] | undefined;
  readonly #now: () => number;
  readonly #seen = new Map<string, Map<string, number>>();

  constructor(options: {
    readonly resolve: Resolve;
    /** The networks of targets without their own. */
    readonly networks: () => readonly string[] | undefined;
    readonly now: () => number;
  }) {
    this.#resolve = options.resolve;
    this.#networks = options.networks;
    this.#now = options.now;
  }

  /** The addresses of a database that may be dialed; rejects with a RelayRefusal if there are none. */
  async addresses(target: RelayTarget): Promise<readonly Address[]> {
    const found = await this.#resolve(target.host).catch((error: unknown) => {
      throw new RelayRefusal(
        "dns",
        `${target.host}: ${error instanceof Error ? error.message : ""}`,
      );
    });
    const mayDial = this.#rule(target);
    const allowed = found.filter(({ address }) => mayDial(address));
    if (allowed.length === 0) {
      const all = found.map(({ address }) => address).join(", ");
      throw new RelayRefusal(
        "address",
        `${target.host} resolves to ${all}, outside the allowed networks`,
      );
    }
    this.#remember(target.host, allowed);
    return allowed;
  }

  /** The one address that the client named; `others` are the other databases that the caller may reach. */
  async only(
    address: string,
    target: RelayTarget,
    others: readonly RelayTarget[],
  ): Promise<readonly Address[]> {
    const seen = this.#recall(target.host, address);
    if (seen !== undefined && this.#rule(target)(address)) return [seen];
    const lookups = [target, ...others.filter(({ host }) => host !== target.host)];
    const found = await Promise.allSettled(
      lookups.slice(0, MAX_LOOKUPS).map(async (each) => this.addresses(each)),
    );
    const known = found.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
    const match = known.find((candidate) => candidate.address === address);
    if (match !== undefined) return [match];
    // A lookup that failed does not say that the name lacks it.
    const [own] = found;
    if (own?.status === "rejected") throw own.reason;
    throw new RelayRefusal("address", `${target.host} does not resolve to ${address}`);
  }

  #rule(target: RelayTarget): (address: string) => boolean {
    return addressRule(target.networks ?? this.#networks());
  }

  #remember(host: string, addresses: readonly Address[]): void {
    const seen = this.#seen.get(host) ?? new Map<string, number>();
    const now = this.#now();
    for (const [address, time] of seen) if (now - time > MEMORY) seen.delete(address);
    for (const { address } of addresses) seen.set(address, now);
    this.#seen.set(host, seen);
  }

  #recall(host: string, address: string): Address | undefined {
    const time = this.#seen.get(host)?.get(address);
    if (time === undefined || this.#now() - time > MEMORY) return undefined;
    return { address, family: address.includes(":") ? 6 : 4 };
  }
}

// Whether an address may be dialed: it is in one of the networks or, without networks, a database can have it.
function addressRule(networks: readonly string[] | undefined): (address: string) => boolean {
  if (networks !== undefined && networks.length > 0) return networkRule(networks);
  const isNever = networkRule(NEVER);
  return (address) => isIP(address) !== 0 && !isNever(address);
}

/** Checks a network in CIDR notation; throws ERR_CONFIG that names `place`. */
export function checkNetwork(text: string, place: string): void {
  if (isNetwork(text)) return;
  throw new RdsIamError(`${place}: ${JSON.stringify(text)} is not a valid network`, {
    code: "ERR_CONFIG",
    hint: "Write it in CIDR notation: 10.0.0.0/16",
  });
}
