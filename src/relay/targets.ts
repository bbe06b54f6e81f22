// The databases that a relay may open connections to: those of its file, and those that were found in the account. What
// was found stays until a later search says otherwise; a search that failed, in whole or in part, takes nothing away.

import type { RelayTarget } from "./access.ts";

/** What a search in one Region found. */
export interface Found {
  readonly targets: readonly RelayTarget[];
  /** What could not be listed, a sentence each; empty when the search was complete. */
  readonly problems: readonly string[];
}

/** A Region to search. */
export interface Search {
  readonly region: string;
  readonly run: () => Promise<Found>;
}

/** The list of databases. */
export class Targets {
  #listed: readonly RelayTarget[];
  #searches: readonly Search[];
  readonly #found = new Map<string, ReadonlyMap<string, RelayTarget>>();

  constructor(listed: readonly RelayTarget[], searches: readonly Search[]) {
    this.#listed = listed;
    this.#searches = searches;
  }

  /** Takes what a newly read file says. */
  replace(listed: readonly RelayTarget[], searches: readonly Search[]): void {
    this.#listed = listed;
    this.#searches = searches;
    const regions = new Set(searches.map(({ region }) => region));
    for (const region of this.#found.keys()) if (!regions.has(region)) this.#found.delete(region);
  }

  /** Searches every Region; answers what went wrong, a sentence each. */
  async refresh(): Promise<readonly string[]> {
    const problems = await Promise.all(this.#searches.map((search) => this.#search(search)));
    return problems.flat();
  }

  /** Every database, each once; those of the file come first and win. */
  all(): readonly RelayTarget[] {
    const found = [...this.#found.values()].flatMap((each) => [...each.values()]);
    const byKey = new Map<string, RelayTarget>();
    for (const target of [...this.#listed, ...found]) {
      const key = keyOf(target);
      if (!byKey.has(key)) byKey.set(key, target);
    }
    return [...byKey.values()];
  }

  /** The database at a host and port. */
  find(host: string, port: number): RelayTarget | undefined {
    return this.all().find((target) => target.host === host && target.port === port);
  }

  async #search(search: Search): Promise<readonly string[]> {
    const { region, run } = search;
    try {
      const { targets, problems } = await run();
      // The file may say something else by now.
      if (!this.#searches.includes(search)) return [];
      const before = problems.length > 0 ? [...(this.#found.get(region)?.values() ?? [])] : [];
      const found = new Map([...before, ...targets].map((each) => [keyOf(each), each] as const));
      this.#found.set(region, found);
      return problems;
    } catch (error) {
      return [error instanceof Error ? error.message : String(error)];
    }
  }
}

function keyOf({ host, port }: RelayTarget): string {
  return `${host}:${port}`;
}
