// npm run test:slow [-- NAME [OPTION...]]: builds, and runs one long test of the table below; its file says which options it has.
// Without NAME: every *.slow.test.ts but those of the suites that have a name, which is what .ci/run runs.
import { tmpdir } from "node:os";
import process from "node:process";
import { $, glob } from "zx";
import { installTools } from "./tools.ts";

/** Programs in test/slow/, by the name of their file. */
const PROGRAMS: Readonly<Record<string, string>> = {
  chaos: "faults at random bytes on both sides of the proxy",
  clients: "each client through rdsiam proxy, with what it printed",
  drivers: "each driver through rdsiam exec, with PG* alone",
  env: "psql with every hostile variable, times every libpq",
  flood: "10,000 silent sockets against an open session and new logins",
  fuzz: "200,000 malformed packets, SASL messages and cancels",
  leaks: "every write under strace: no secret in any",
  memory: "COPY of 1 GB to a reader that stops: memory stays bounded",
  mutation: "200 changed places of proxy, relay, via and session: which no test notices",
  relay: "10,000 bad requests; logins in a flood; 1,000 sessions on three replicas",
  ssm: "rdsiam's and AWS's own data channel against one stand-in agent, where Go is",
  tls: "every libpq from 12 to 18 with verified TLS to the proxy",
  tools: "PostgreSQL's own tools, compared with the unix socket",
  via: "pg_dump of 100 MB through each --via",
};

/** Suites of test files: what they are, and their files. */
const SUITES: Readonly<Record<string, readonly [about: string, files: string]>> = {
  docs: ["every command line in README.md and docs/", "test/docs/*.test.ts"],
  library: ["the package in programs, with each driver", "test/library/*.test.ts"],
  packaging: ["the packed package, and a release twice", "test/packaging/*.test.ts"],
  windows: ["Windows' Node and rdsiam.exe under Wine", "test/windows/*.test.ts"],
};

// Those of packaging that are quick enough stay with the others.
const NAMED_ALONE = /^test\/(?:docs|library|windows|packaging\/(?:installed|release))/;

const HOUR_MS = 3_600_000;

async function main([name, ...options]: readonly string[]): Promise<void> {
  const suite = SUITES[name ?? ""];
  if (name === undefined) {
    // Before the tests, which run beside each other: two installations at once would undo each other.
    const problem = await installTools();
    if (problem !== undefined) process.stderr.write(`${problem}\n`);
    await runTests(await otherSlowTests());
  } else if (suite !== undefined) {
    // One file after another, and in peace: they install packages and build releases.
    const files = await glob(suite[1]);
    // Not in memory: below /dev Deno wants more than the permissions that the guide names.
    process.env["TMPDIR"] ??= tmpdir();
    await runTests([...files, "--test-concurrency=1", `--test-timeout=${HOUR_MS}`, ...options]);
  } else if (Object.hasOwn(PROGRAMS, name)) {
    await run(["npm", "run", "--silent", "build"]);
    if (process.exitCode === 0) await run(["tsx", `test/slow/${name}.ts`, ...options]);
  } else {
    process.stdout.write(listText());
    process.exitCode = name === "--help" ? 0 : 1;
  }
}

function listText(): string {
  const suites = Object.entries(SUITES).map(([name, [about]]) => [name, about] as const);
  const lines = [...Object.entries(PROGRAMS), ...suites];
  const text = lines.map(([name, about]) => `  ${name.padEnd(10)} ${about}\n`).join("");
  return `npm run test:slow [-- NAME [OPTION...]]\n\n${text}`;
}

async function otherSlowTests(): Promise<readonly string[]> {
  const files = await glob("test/**/*.slow.test.ts", { ignore: ["**/node_modules/**"] });
  return files.filter((file) => !NAMED_ALONE.test(file)).toSorted();
}

async function runTests(words: readonly string[]): Promise<void> {
  await run(["tsx", "scripts/test.ts", ...words]);
}

async function run(words: readonly string[]): Promise<void> {
  const { exitCode } = await $({ stdio: "inherit", nothrow: true, preferLocal: true })`${words}`;
  process.exitCode = exitCode ?? 1;
}

void main(process.argv.slice(2));
