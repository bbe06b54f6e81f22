// Rows of cells as lines with aligned columns, no wider than the terminal.

const GAP = 2; // between columns
const NARROWEST = 8;

/** The lines of a table with columns as wide as their longest cell, the widest narrowed until it is at most `width` columns wide, if its columns fit at all. */
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
