// "Did you mean": the known name that is nearest to what was typed, within two edits and a third of its length.
import { distance } from "fastest-levenshtein";

/** The nearest of the known names to a mistyped one, or undefined when none is near. */
export function nearestName(typed: string, known: Iterable<string>): string | undefined {
  const word = typed.toLowerCase();
  const limit = Math.min(2, Math.floor(word.length / 3));
  let best: string | undefined;
  let bestEdits = limit + 1;
  for (const name of known) {
    const edits = editsBetween(word, name.toLowerCase());
    if (edits < bestEdits) {
      best = name;
      bestEdits = edits;
    }
  }
  return best;
}

// Two neighbors that changed places are one edit, not the two of Levenshtein's distance.
function editsBetween(word: string, name: string): number {
  const at = [...word].findIndex((letter, index) => letter !== name[index]);
  const swapped = `${word.slice(0, at)}${word[at + 1] ?? ""}${word[at]}${word.slice(at + 2)}`;
  const edits = distance(word, name);
  return at < 0 || edits < 2 ? edits : Math.min(edits, distance(swapped, name) + 1);
}
