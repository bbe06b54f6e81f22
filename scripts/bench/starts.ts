// Start-up: whole processes, from the moment they are started to the moment they are gone, beside the runtime's own empty
// program. The row of psql also has the time until the first row is there.
import { runTool, type ToolRan, type ToolRun } from "./run-tool.ts";
import { HOST, TARGET, USER } from "./scene.ts";
import { summarize } from "./statistics.ts";
import { directEnvironment, type Subject } from "./subjects.ts";
import { type Bench, type Figure, isProgram, servesTools, type Work } from "./work.ts";

const SELECT = ["-XAtc", "select 1"];

/** The rows. */
export const START_WORKS: readonly Work[] = [
  start("empty", "the runtime's empty program", (_, { launcher }) => launcher?.empty),
  start("version", "rdsiam --version", ownWords("--version")),
  start("list", "rdsiam list --names", ownWords("list", "--names")),
  start("completion", "rdsiam completion bash", ownWords("completion", "bash")),
  {
    ...start("token", "an auth token", (bench, subject) =>
      subject.name === "aws"
        ? tokenWords(bench)
        : subject.launcher && [...subject.launcher.words, "token", TARGET],
    ),
    appliesTo: (subject) => isProgram(subject) || subject.name === "aws",
  },
  {
    id: "psql",
    figures: [
      milliseconds("psql", "psql -c 'select 1', whole"),
      milliseconds("first-row", "psql -c 'select 1', until the first row"),
    ],
    appliesTo: (subject) => servesTools(subject) || subject.name === "aws",
    run: async (bench, subject) => {
      const ran = await repeat(bench, await psqlRun(bench, subject));
      return { psql: median(ran, "whole"), "first-row": median(ran, "firstByte") };
    },
  },
];

type Words = (bench: Bench, subject: Subject) => readonly string[] | undefined;

function start(id: string, title: string, words: Words): Work {
  return {
    id,
    figures: [milliseconds(id, title)],
    appliesTo: isProgram,
    run: async (bench, subject) => {
      const env = bench.scene.awsEnvironment;
      const ran = await repeat(bench, { words: words(bench, subject) ?? [], env });
      return { [id]: median(ran, "whole") };
    },
  };
}

function milliseconds(id: string, title: string): Figure {
  return { id, title, unit: "ms", more: false };
}

function ownWords(...words: readonly string[]): Words {
  return (_, { launcher }) => launcher && [...launcher.words, ...words];
}

// rdsiam is measured from its own start; the proxies are there already, as in daily use.
async function psqlRun({ scene }: Bench, subject: Subject): Promise<ToolRun> {
  if (subject.launcher !== undefined) {
    const words = [...subject.launcher.words, "psql", TARGET, ...SELECT];
    return { words, env: { ...scene.awsEnvironment, ...subject.launcher.env } };
  }
  if (subject.env !== undefined) return { words: ["psql", ...SELECT], env: subject.env };
  const { PGPASSWORD: _, ...direct } = directEnvironment(scene, "");
  const script = 'PGPASSWORD=$("$@") exec psql -XAtc "select 1"';
  return {
    words: ["sh", "-c", script, "sh", ...tokenWords({ scene })],
    env: { ...scene.awsEnvironment, ...direct },
  };
}

function tokenWords({ scene }: Pick<Bench, "scene">): readonly string[] {
  const place = ["--hostname", HOST, "--port", String(scene.server.port)];
  const who = ["--username", USER, "--region", scene.region, "--profile", TARGET];
  return ["aws", "rds", "generate-db-auth-token", ...place, ...who];
}

async function repeat({ size }: Bench, run: ToolRun): Promise<readonly ToolRan[]> {
  const ran: ToolRan[] = [];
  while (ran.length < size.starts) ran.push(await runTool(run));
  return ran;
}

function median(ran: readonly ToolRan[], field: "whole" | "firstByte"): number {
  return summarize(ran.map((one) => one[field]))?.median ?? 0;
}
