// A table for a terminal: columns as wide as their longest cell, narrowed from the widest one where the screen is too small.

const GAP = 2;
const NARROWEST = 8;

/** The lines of a table that is at most `width` columns wide, as far as its number of columns allows. */
export function tableLines(rows: readonly (readonly string[])[], width: number): string[] {
  const widths = columnWidths(rows, width);
  return rows.map((row) =>
    row
      .map((cell, column) => fit(cell, widths[column] ?? 0))
      .join(" ".repeat(GAP))
      .trimEnd(),
  );
}

function columnWidths(rows: readonly (readonly string[])[], width: number): number[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => lengthOf(row[column] ?? ""))),
  );
  const total = (): number => widths.reduce((sum, each) => sum + each + GAP, -GAP);
  for (let over = total() - width; over > 0; over = total() - width) {
    const widest = Math.max(...widths);
    if (widest <= NARROWEST) break;
    widths[widths.indexOf(widest)] = widest - 1;
  }
  return widths;
}

function fit(cell: string, width: number): string {
  const characters = [...cell];
  if (characters.length > width) return `${characters.slice(0, width - 1).join("")}…`;
  return cell + " ".repeat(width - characters.length);
}

function lengthOf(text: string): number {
  return [...text].length;
}
