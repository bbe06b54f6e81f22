// Lets a person choose one of several by its number or a part of its line: on a Windows console, which has no stty to read single
// keys with.
import type { Offer, Terminal } from "../base/context.ts";
import { tableLines } from "../base/table.ts";

/** Resolves with the value that was chosen; undefined for an empty line. */
export async function chooseByNumber(
  message: string,
  choices: readonly Offer[],
  { ask, write }: Pick<Terminal, "ask" | "write">,
): Promise<string | undefined> {
  const lines = tableLines(
    choices.map(({ columns }, index) => [String(index + 1), ...columns]),
    Infinity,
  );
  write(`${lines.join("\n")}\n`);
  for (;;) {
    const typed = (await ask(`${message} (its number, or a part of its line): `))?.trim();
    if (!typed) return undefined;
    const numbered = /^\d+$/.test(typed) ? choices[Number(typed) - 1] : undefined;
    const fitting = choices.filter(({ columns }) =>
      columns.join(" ").toLowerCase().includes(typed.toLowerCase()),
    );
    const named = choices.find(({ value }) => value === typed);
    const chosen = named ?? numbered ?? (fitting.length === 1 ? fitting[0] : undefined);
    if (chosen !== undefined) return chosen.value;
    write(fitting.length === 0 ? "nothing matches\n" : `${fitting.length} of them match\n`);
  }
}
