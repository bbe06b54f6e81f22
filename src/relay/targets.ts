// The databases that a relay may open connections to: those of its file, and those that were found in the account. A found
// database stays until a later search is complete without it; a search that failed, in whole or in part, removes nothing, and
// tags that could not be listed stay as they were.

import type { Account } from "../session/account.ts";
import type { RelayTarget } from "./access.ts";

/** The result of a search in one Region. */
export interface SearchResult {
  readonly targets: readonly RelayTarget[];
  /** The reasons why something could not be listed; empty when the search was complete. */
  readonly problems: readonly string[];
}

/** A Region to search. */
export interface RegionSearch {
  readonly region: string;
  readonly run: () => Promise<SearchResult>;
}

/** The list of databases. */
export class Targets {
  #listed: readonly RelayTarget[];
  #searches: readonly RegionSearch[];
  readonly #found = new Map<string, ReadonlyMap<string, RelayTarget>>();
  /** By host and port; made when it is next needed. */
  #index: ReadonlyMap<string, RelayTarget> | undefined;

  constructor(listed: readonly RelayTarget[], searches: readonly RegionSearch[]) {
    this.#listed = listed;
    this.#searches = searches;
  }

  /** Takes the databases and searches of a newly read file. */
  replace(listed: readonly RelayTarget[], searches: readonly RegionSearch[]): void {
    this.#listed = listed;
    this.#searches = searches;
    this.#index = undefined;
    const regions = new Set(searches.map(({ region }) => region));
    for (const region of this.#found.keys()) if (!regions.has(region)) this.#found.delete(region);
  }

  /** Searches every Region; resolves with the problems of all searches. */
  async refresh(): Promise<readonly string[]> {
    const problems = await Promise.all(this.#searches.map((search) => this.#search(search)));
    return problems.flat();
  }

  /** Every database, each once; those of the file come first and take precedence. */
  all(): readonly RelayTarget[] {
    return [...this.#indexed().values()];
  }

  /** The database at a host and port. */
  find(host: string, port: number): RelayTarget | undefined {
    return this.#indexed().get(keyOf({ host, port }));
  }

  #indexed(): ReadonlyMap<string, RelayTarget> {
    if (this.#index !== undefined) return this.#index;
    const found = [...this.#found.values()].flatMap((each) => [...each.values()]);
    const index = new Map<string, RelayTarget>();
    for (const target of [...this.#listed, ...found]) {
      const key = keyOf(target);
      if (!index.has(key)) index.set(key, target);
    }
    return (this.#index = index);
  }

  async #search(search: RegionSearch): Promise<readonly string[]> {
    const { region, run } = search;
    try {
      const { targets, problems } = await run();
      // The file may have changed by now.
      if (!this.#searches.includes(search)) return [];
      const before = this.#found.get(region);
      const found = new Map(problems.length > 0 ? before : []);
      for (const target of targets) {
        const key = keyOf(target);
        found.set(key, { ...target, tags: target.tags ?? before?.get(key)?.tags });
      }
      this.#found.set(region, found);
      this.#index = undefined;
      return problems;
    } catch (error) {
      return [error instanceof Error ? error.message : String(error)];
    }
  }
}

function keyOf({ host, port }: Pick<RelayTarget, "host" | "port">): string {
  return `${host}:${port}`;
}

/** A search of a Region with the relay's own credentials, for databases that use PostgreSQL with IAM authentication. */
export function accountSearch(account: Account, region: string): RegionSearch {
  const run = async (): Promise<SearchResult> => {
    const { discoverDatabases } = await import("../aws/discover.ts");
    const found = await discoverDatabases(account.callerIn(region), {
      withOthers: false,
      withTags: true,
    });
    const targets = found.databases
      // One without IAM authentication has to be listed in the relay's file, so that it is there on purpose.
      .filter(({ iam }) => iam)
      .map(({ name, host, port, tags }) => ({ name, host: host.toLowerCase(), port, tags }));
    // Many databases may lack the same permission.
    return { targets, problems: [...new Set(found.failures.map(({ error }) => error.message))] };
  };
  return { region, run };
}
