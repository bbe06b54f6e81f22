// The results in Markdown: docs/performance.md with the command that measured them, and the README's section.
import { acceptanceTable, figureTable, headText, notes, type Table } from "./report.ts";
import { cellsOf, type Results, subjectsOf } from "./results.ts";
import { figureOf } from "./works.ts";

const HEADING = "## Performance";
const NEXT = "## Security"; // what the section stands before where there is none yet
const README_RATIOS = [
  "copy-out-text",
  "copy-out-binary",
  "pg_dump",
  "copy-in",
  "simple-16",
  "logins-1",
];
const README_TIMES = ["version", "psql"];

/** The page in Markdown; `picture` is the name of the file beside it. */
export function pageText(results: Results, picture: string): string {
  return `# Performance

\`npm run bench\` starts a PostgreSQL server with TLS on the machine at hand and measures rdsiam beside the tool alone (direct TLS,
verify-full), stunnel, pgbouncer and the AWS CLI, all against that same server. This page was written by
\`npm run bench -- --docs docs\`, which leaves every single run in \`build/performance.json\`; what is below was measured by \`${results.command}\`:

\`\`\`text
${headText(results)}
\`\`\`

![Throughput, start-up and CPU per query](${picture})

## How to read it

- Every round measures every row of every subject, in an order drawn anew. Ratios are taken within a round; what is shown is the
  median of the rounds, with the middle half of them (quartiles).
- Server, tool and proxy share the processors of one machine without a network in between. A real network adds 500 to 50,000 µs to
  each query, so small queries differ by far less in real life than here; bulk and logins differ as shown.
- "CPU s" is what the process in between used in one run, "peak MB" its resident memory at its highest. pgbouncer uses each server
  connection for one session, as the others do.
- The server's data is in memory, and it writes nothing to disk: what is in between has nowhere to hide.

${notes(results)
  .map((note) => `- ${note}`)
  .join("\n")}

## What had to be reached

${markdownTable(acceptanceTable(results), 2)}

## Every row

${markdownTable(figureTable(results), 2)}
`;
}

/** A README with its section on performance made anew, from these results. */
export function updateReadme(readme: string, results: Results): string {
  const section = `${HEADING}\n\n${readmeSection(results)}\n\n`;
  const start = readme.indexOf(`${HEADING}\n`);
  if (start < 0) return readme.replace(`${NEXT}\n`, () => `${section}${NEXT}\n`);
  const end = readme.indexOf("\n## ", start + 1) + 1;
  return readme.slice(0, start) + section + readme.slice(end);
}

function readmeSection(results: Results): string {
  const { command, date, machine, rounds } = results;
  const subjects = subjectsOf(results);
  const heading = ["", ...subjects];
  const ratios = README_RATIOS.map((figure) => readmeLine(results, { figure, subjects }));
  const times = README_TIMES.map((figure) => readmeLine(results, { figure, subjects }));
  return `Throughput relative to the tool connecting directly over verified TLS (1.00), and whole processes in milliseconds; medians of ${rounds} rounds,
measured on ${date.slice(0, 10)} by \`${command}\` on ${machine.processors} shared cores, without a network in between.
[Every row, the spread and the picture](docs/performance.md).

${markdownTable({ heading, lines: [...ratios, ...times] }, 1)}`;
}

function readmeLine(
  results: Results,
  { figure, subjects }: { readonly figure: string; readonly subjects: readonly string[] },
): readonly string[] {
  const { title = figure, unit } = figureOf(figure) ?? {};
  const cells = cellsOf(results, figure);
  const texts = subjects.map((name) => {
    const cell = cells.find(({ subject }) => subject === name);
    if (unit === "ms") return cell === undefined ? "" : `${cell.summary.median.toFixed(0)} ms`;
    return cell?.ratio?.median.toFixed(2) ?? "";
  });
  return [title, ...texts];
}

// The first columns are text, the others numbers.
function markdownTable({ heading, lines }: Table, texts: number): string {
  const rule = heading.map((_, at) => (at < texts ? "---" : "---:"));
  return [heading, rule, ...lines].map((line) => `| ${line.map(escape).join(" | ")} |`).join("\n");
}

function escape(text: string): string {
  return text.replaceAll("|", "\\|");
}
