// The rows of the benchmark, all of them, in the order in which a round goes through them.
import { BULK_WORKS } from "./bulk.ts";
import type { Figure, Work } from "./work.ts";
import { MEMORY_WORKS } from "./memory.ts";
import { QUERY_WORKS } from "./queries.ts";
import { START_WORKS } from "./starts.ts";

/** Every row. */
export const WORKS: readonly Work[] = [
  ...START_WORKS,
  ...BULK_WORKS,
  ...QUERY_WORKS,
  ...MEMORY_WORKS,
];

/** The rows whose names begin with one of the given words; all when none are given. */
export function chooseWorks(wanted: readonly string[]): readonly Work[] {
  for (const word of wanted) {
    if (WORKS.some(({ id }) => id.startsWith(word))) continue;
    throw new TypeError(`no row ${word}: there are ${WORKS.map(({ id }) => id).join(", ")}`);
  }
  const chosen = WORKS.filter(
    ({ id }) => wanted.length === 0 || wanted.some((word) => id.startsWith(word)),
  );
  // A start is judged beside the runtime's own.
  const [empty] = START_WORKS;
  if (empty === undefined || !chosen.some((work) => START_WORKS.includes(work))) return chosen;
  return [empty, ...chosen.filter((work) => work !== empty)];
}

/** A figure by its name. */
export function figureOf(id: string): Figure | undefined {
  return WORKS.flatMap(({ figures }) => figures).find((figure) => figure.id === id);
}
