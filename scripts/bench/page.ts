// The results in Markdown: docs/performance.md, with the command that measured them.
import { acceptanceTable, figureTable, headText, notes, type Table } from "./report.ts";
import { type Results } from "./results.ts";

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

// The first columns are text, the others numbers.
function markdownTable({ heading, lines }: Table, texts: number): string {
  const rule = heading.map((_, at) => (at < texts ? "---" : "---:"));
  return [heading, rule, ...lines].map((line) => `| ${line.map(escape).join(" | ")} |`).join("\n");
}

function escape(text: string): string {
  return text.replaceAll("|", "\\|");
}
