// Median and quartiles: what is told of figures that a busy moment may have spoilt.
// https://en.wikipedia.org/wiki/Quartile, method of linear interpolation (R's type 7)

/** The middle half of some figures. */
export interface Summary {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** Median and quartiles; undefined of nothing. */
export function summarize(values: readonly number[]): Summary | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  const [low, median, high] = [0.25, 0.5, 0.75].map((part) => quantile(sorted, part));
  return { median: median ?? 0, low: low ?? 0, high: high ?? 0, count: values.length };
}

function quantile(sorted: readonly number[], part: number): number {
  const at = (sorted.length - 1) * part;
  const below = sorted[Math.floor(at)] ?? 0;
  const above = sorted[Math.ceil(at)] ?? 0;
  return below + (above - below) * (at - Math.floor(at));
}
