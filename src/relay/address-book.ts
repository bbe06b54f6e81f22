// From a database's name to the address that is dialled. A name is looked up once for each request, what came is checked,
// and what was checked is dialled: there is no second question that could be answered otherwise.
// A cancel has to reach the very instance that its session is on, maybe through another replica of the relay: so a client
// may name one address, which is dialled if DNS has it for the name now, had it a short while ago, or has it for another
// database that the same caller may reach (an instance behind a reader endpoint).

import type { Address } from "../base/address.ts";
import type { RelayTarget } from "./access.ts";
import { type AddressRule, addressRule } from "./addresses.ts";
import { Refusal } from "./refusal.ts";

/** Looks a name up. */
export type Resolve = (host: string) => Promise<readonly Address[]>;

const MEMORY = 3_600_000; // ms for which an address that a name had may be asked for again
const MAX_LOOKUPS = 64; // names that are looked up for one cancel

/** Looks addresses up, and remembers them. */
export class AddressBook {
  readonly #resolve: Resolve;
  readonly #networks: () => readonly string[] | undefined;
  readonly #now: () => number;
  readonly #seen = new Map<string, Map<string, number>>();

  constructor(options: {
    readonly resolve: Resolve;
    /** The networks of targets that name none themselves. */
    readonly networks: () => readonly string[] | undefined;
    readonly now: () => number;
  }) {
    this.#resolve = options.resolve;
    this.#networks = options.networks;
    this.#now = options.now;
  }

  /** The addresses of a database that may be dialled; at least one, or a Refusal. */
  async addresses(target: RelayTarget): Promise<readonly Address[]> {
    const found = await this.#resolve(target.host).catch((error: unknown) => {
      throw new Refusal("dns", `${target.host}: ${error instanceof Error ? error.message : ""}`);
    });
    const mayDial = this.#rule(target);
    const allowed = found.filter(({ address }) => mayDial(address));
    if (allowed.length === 0) {
      const all = found.map(({ address }) => address).join(", ");
      throw new Refusal("address", `${target.host} leads to ${all}, which no database of it has`);
    }
    this.#remember(target.host, allowed);
    return allowed;
  }

  /** The one address that was asked for; `others` are the databases that the caller may reach too. */
  async only(
    address: string,
    target: RelayTarget,
    others: readonly RelayTarget[],
  ): Promise<readonly Address[]> {
    const known = this.#recall(target.host, address);
    if (known !== undefined && this.#rule(target)(address)) return [known];
    const lookups = [target, ...others.filter(({ host }) => host !== target.host)];
    const found = await Promise.all(
      lookups.slice(0, MAX_LOOKUPS).map(async (each) => {
        const addresses = await this.addresses(each).catch(() => []);
        return addresses.find((candidate) => candidate.address === address);
      }),
    );
    const match = found.find((each) => each !== undefined);
    if (match !== undefined) return [match];
    throw new Refusal("address", `${target.host} does not lead to ${address}`);
  }

  #rule(target: RelayTarget): AddressRule {
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
