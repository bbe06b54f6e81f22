// A duration as options and configuration files write it: 90s, 30m, 8h.

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const LONGEST = 24 * 86_400_000; // ms; setTimeout() takes 31 bits

/** Milliseconds, without a unit from seconds; undefined for what is not a duration, or longer than 24 days. */
export function readDuration(text: string): number | undefined {
  const [, digits, unit = "s"] = /^(\d{1,9})(ms|[smhd])?$/.exec(text) ?? [];
  const ms = Number(digits) * (UNITS[unit] ?? Number.NaN);
  return ms >= 0 && ms <= LONGEST ? ms : undefined;
}
