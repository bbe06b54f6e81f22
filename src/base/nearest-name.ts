// "Did you mean": the known name that is nearest to what was typed.
// Two steps, because two letters that changed places are two; more in long words, one in words of two letters.
import { distance } from "fastest-levenshtein";

/** The nearest of the known names to a mistyped one, or undefined when none is near. */
export function nearestName(typed: string, known: Iterable<string>): string | undefined {
  const limit = typed.length < 3 ? 1 : Math.max(2, Math.floor(typed.length / 2));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const name of known) {
    const steps = distance(typed.toLowerCase(), name.toLowerCase());
    if (steps < bestDistance) {
      best = name;
      bestDistance = steps;
    }
  }
  return best;
}
