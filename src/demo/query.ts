// Runs one query and prints it as psql would, for machines that have no psql.
// Values stay as the server wrote them: nothing is parsed into JavaScript types.
// https://www.postgresql.org/docs/current/app-psql.html#APP-PSQL-META-COMMAND-PSET-FORMAT
import type { EventEmitter } from "node:events";

import type { QueryArrayResult } from "pg";

import { countText } from "../base/count.ts";
import { makePgClient, type PgClientOptions } from "./pg-client.ts";

// int8, int2, int4, oid, float4, float8, numeric: psql aligns them to the right (pg_type.dat).
const NUMERIC_TYPES = new Set([20, 21, 23, 26, 700, 701, 1700]);

/** Where to log in, what to ask and how to print it. */
export interface QueryOptions extends PgClientOptions {
  /** Like `psql -At`: no header, no footer, columns parted by `|`. */
  readonly tuplesOnly?: boolean | undefined;
}

/** One column of a result, as much as printing needs. */
export interface Column {
  readonly name: string;
  readonly numeric: boolean;
}

/** Runs the query and returns the text that psql would print, with its last newline. */
export async function runQuery(sql: string, options: QueryOptions): Promise<string> {
  const client = makePgClient(options);
  // pg keeps only the first word of a command tag such as CREATE TABLE.
  const tags: string[] = [];
  const { connection } = client as unknown as { connection: EventEmitter };
  connection.on("commandComplete", ({ text }: { readonly text: string }) => tags.push(text));
  await client.connect();
  try {
    const types = { getTypeParser: () => (value: string) => value };
    const answer: unknown = await client.query({ text: sql, rowMode: "array", types });
    // Several statements in one text give an array of results.
    const results = (Array.isArray(answer) ? answer : [answer]) as QueryArrayResult<Row>[];
    const tuplesOnly = options.tuplesOnly ?? false;
    return results
      .map((result, at) => formatResult(result, { tag: tags[at], tuplesOnly }))
      .join("");
  } finally {
    await client.end();
  }
}

type Row = (string | null)[];

function formatResult(
  result: QueryArrayResult<Row>,
  as: { readonly tag: string | undefined; readonly tuplesOnly: boolean },
): string {
  // psql prints no line for an empty query, and the tag even with -At.
  if (result.fields.length === 0) return as.tag === undefined ? "" : `${as.tag}\n`;
  const rows = result.rows.map((row) => row.map((value) => value ?? ""));
  if (as.tuplesOnly) return rows.map((row) => `${row.join("|")}\n`).join("");
  const columns = result.fields.map((field) => ({
    name: field.name,
    numeric: NUMERIC_TYPES.has(field.dataTypeID),
  }));
  return formatAligned(columns, rows);
}

/** Formats rows in psql's aligned style, footer and blank line included. */
export function formatAligned(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const widths = columns.map((column, at) =>
    Math.max(width(column.name), ...rows.map((row) => width(row[at] ?? ""))),
  );
  const header = columns.map((column, at) => ` ${center(column.name, widths[at] ?? 0)} `).join("|");
  const rule = widths.map((columnWidth) => "-".repeat(columnWidth + 2)).join("+");
  const lines = rows.map((row) => formatRow(row, columns, widths));
  return [header, rule, ...lines, `(${countText(rows.length, "row")})`, "", ""].join("\n");
}

function formatRow(
  row: readonly string[],
  columns: readonly Column[],
  widths: readonly number[],
): string {
  const cells = columns.map(({ numeric }, at) => {
    const value = row[at] ?? "";
    const padding = " ".repeat((widths[at] ?? 0) - width(value));
    if (numeric) return ` ${padding}${value}`;
    // psql leaves out the blanks after the last column.
    return at === columns.length - 1 ? ` ${value}` : ` ${value}${padding}`;
  });
  return cells.join(" |");
}

function center(text: string, size: number): string {
  const room = size - width(text);
  const left = Math.floor(room / 2);
  return " ".repeat(left) + text + " ".repeat(room - left);
}

// Code points, not UTF-16 units.
function width(text: string): number {
  return [...text].length;
}
