// Slips at the keyboard: what was typed, and the words that the answer must have.
import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { RdsIamError } from "../../src/base/errors.ts";
import { readArguments } from "../../src/cli/arguments.ts";
import type { Invocation } from "../../src/cli/options.ts";
import { explainSlip } from "../../src/cli/slips.ts";
import { COMMANDS } from "../../src/commands/command-table.ts";
import { runContext } from "../support/run-context.ts";
import { temporaryDirectory } from "../support/keep.ts";

const ENDPOINT = "orders.cluster-cabc123xyz0.eu-west-1.rds.amazonaws.com";
const STAGE = "stage.cluster-cabc123xyz0.eu-west-1.rds.amazonaws.com";

const home = await temporaryDirectory("slips");
await mkdir(join(home, ".aws"));
await writeFile(
  join(home, ".aws", "config"),
  `[profile prod]
region = eu-west-1
aws_access_key_id = AKIDBASE00000000BASE
aws_secret_access_key = base/secret+key/EXAMPLE0123456789abcdef0
rds_host = db.corp.example
rds_user = app_ro
[profile stage]
rds_host = ${STAGE}
rds_user = app_ro
[profile corp]
region = eu-west-1
`,
);
for (const tool of ["psql", "pg_dump"]) {
  await writeFile(join(home, tool), "#!/bin/sh\necho reached\n");
  await chmod(join(home, tool), 0o755);
}

// As main.ts does it; no command gets as far as the network.
async function answer(typed: string, extra: Readonly<Record<string, string>>): Promise<string> {
  const env = { HOME: home, PATH: home, ...extra };
  let invocation: Invocation | undefined;
  try {
    const args = [...typed.matchAll(/'([^']*)'|(\S+)/g)].map(
      ([, one, other]) => one ?? other ?? "",
    );
    invocation = readArguments(args, COMMANDS);
    const run = await invocation.command?.load();
    const status = await run?.(runContext(env), invocation);
    return `status ${status}`;
  } catch (error) {
    if (!(error instanceof RdsIamError)) throw error;
    const meant = explainSlip(error, { invocation, commands: COMMANDS, env, home });
    return [meant.message, meant.detail, meant.hint].filter(Boolean).join("\n");
  }
}

type Slip = readonly [
  typed: string,
  words: readonly string[],
  env?: Readonly<Record<string, string>>,
];

const SLIPS: readonly Slip[] = [
  // A command was left out, or comes late.
  ["prod", ['"prod" is a target', "Try: rdsiam psql prod"]],
  ["prod -c 'select 1'", ['"prod" is a target', "rdsiam psql prod -c 'select 1'"]],
  ["prod psql", ["The command comes first: rdsiam psql prod"]],
  ["prd psql", ['unknown command "prd"', "The command comes first: rdsiam psql prd"]],
  ["pg_dump -s prod", ['"pg_dump" is a tool', "rdsiam exec prod pg_dump -s"]],
  [ENDPOINT, ["an RDS endpoint, not a command", `--host ${ENDPOINT} -U USER -d DB`]],
  [
    "postgres://app:pass@db.example.com/orders",
    ["a URL", "--host db.example.com -U app -d orders"],
  ],
  // Commands of other programs.
  ["connect prod", ["rdsiam psql prod"]],
  ["connect", ["rdsiam psql TARGET"]],
  ["ls", ["rdsiam list"]],
  ["sso login", ["rdsiam login"]],
  ["configure", ["rdsiam init"]],
  ["version", ["rdsiam --version"]],
  ["lst", ['Did you mean "rdsiam list"']],
  ["pqsl prod", ['Did you mean "rdsiam psql"']],
  ["frobnicate", ['unknown command "frobnicate"', "See rdsiam --help"]],
  // Options in the wrong place.
  ["--profile prod psql", ["--profile comes after the command", "rdsiam psql --profile prod"]],
  ["--read-only psql prod", ["rdsiam psql --read-only prod"]],
  ["--via socks5://me:hush@gate:1080 psql prod", ["rdsiam psql --via ... prod"]],
  ["psql --target prod", ["the target needs no option", "rdsiam psql prod"]],
  ["psql --target=prod -c x", ["the target needs no option", "rdsiam psql prod -c x"]],
  ["psql -c x", ["rdsiam psql TARGET -c ..."]],
  ["psql -c x prod", ["rdsiam psql prod -c ..."]],
  ["psql -c x", ["With RDSIAM_TARGET set: rdsiam psql -- -c ..."], { RDSIAM_TARGET: "prod" }],
  ["psql -c x", ["With AWS_PROFILE set: rdsiam psql -- -c ..."], { AWS_PROFILE: "prod" }],
  ["psql -c x", ['AWS_PROFILE is "prd"', '"prod"'], { AWS_PROFILE: "prd" }],
  ["psql -p 5432 prod", ["unknown option -p before the target", "--host HOST:PORT or rds_port"]],
  ["token --port 5432 prod", ["unknown option --port\n", "--host HOST:PORT or rds_port"]],
  ["exec -W prod pg_dump", ["unknown option -W before the target", "Leave it out"]],
  ["psql --password prod", ["unknown option --password before the target", "Leave it out"]],
  ["token prod --jsn", ["unknown option --jsn\n", "Did you mean --json?"]],
  ["psql prod --via ssh://x", ["--via is rdsiam's own", "rdsiam psql --via ... prod"]],
  ["psql prod --via=ssh://x", ["--via is rdsiam's own", "rdsiam psql --via ... prod"]],
  ["psql prod --region x", ["rdsiam psql --region ... prod"]],
  ["psql prod --read-only", ["rdsiam psql --read-only prod"]],
  ["psql prod --profile x", ["rdsiam psql --profile ... prod"]],
  ["exec prod pg_dump -s --role-arn x", ["rdsiam exec --role-arn ... prod pg_dump ..."]],
  ["exec prod --region x pg_dump", ["--region is rdsiam's own", "rdsiam exec --region ... prod"]],
  // -h is the host of psql, and never a help text.
  ["psql -h db.example.com -c x", ["-h is --help here", "--host db.example.com"]],
  ["exec -h HOST prod pg_dump", ["-h is --help here", "rdsiam exec --host HOST"]],
  ["psql -hdb.example.com", ["-h is --help here", "--host db.example.com"]],
  ["list -h prod", ["-h is --help here", "rdsiam list --help"]],
  // What was taken for the target, or for the tool.
  ["exec pg_dump -s", ['"pg_dump" was taken for the target', "rdsiam exec TARGET pg_dump -s"]],
  [
    "exec --host h.example.com -U u pg_dump -s",
    ['"pg_dump" was taken', "rdsiam exec --host h.example.com ... -- pg_dump -s"],
  ],
  ["exec pg_dump prod", ["Swap them: rdsiam exec prod pg_dump"]],
  ["exec pg_dump", ['"pg_dump" was taken for the target', "rdsiam exec TARGET pg_dump"]],
  ["exec pg_dump psql", ['"pg_dump" was taken for the target']],
  ["exec prod stage pg_dump", ['"stage" is a target, not a tool', "rdsiam exec stage pg_dump"]],
  ["exec prod -s", ["-s is an option, not a tool", "rdsiam exec prod COMMAND -s"]],
  ["exec prod pgdump", ['tool "pgdump" not found', "Did you mean pg_dump?"]],
  ["exec prod 'pg_dump -s'", ["Leave out the quotes: rdsiam exec prod pg_dump -s"]],
  ["exec prod frobnicate", ['tool "frobnicate" not found', "Install it"]],
  [`psql ${ENDPOINT}`, ["an RDS endpoint", `--host ${ENDPOINT} -U USER -d DB`]],
  [`token ${ENDPOINT}:6543`, ["an RDS endpoint", `rdsiam token --host ${ENDPOINT}:6543`]],
  [`psql ${STAGE}`, ["the host of a target: rdsiam psql stage"]],
  ["psql orders.db.example.com", ["a host name", "--host orders.db.example.com"]],
  [
    "psql postgresql://db.example.com:6432/x",
    ["a URL is not a target", "--host db.example.com:6432"],
  ],
  ["exec --target src=postgres://db.example.com/x -- pg_dump", ["a URL is not a target"]],
  ["psql --host prod", ['"prod" is a target, not a host', "rdsiam psql prod"]],
  ["psql --host postgres://app@db.example.com/x prod", ["a URL is not a host"]],
  ["psql -- prod", ["no target was given", "rdsiam psql prod"]],
  ["psql prd", ['unknown target "prd"', 'Did you mean "prod"?']],
  ["psql --profile prd", ['profile "prd" has no rds_host', 'Did you mean "prod"?']],
  ["psql --profile corp", ['profile "corp" has no rds_host', "rdsiam init"]],
  ["list prod", ["rdsiam list takes no target", "rdsiam show prod"]],
  ["discover prod", ["rdsiam discover takes no target", "rdsiam discover --profile prod"]],
  ["list frobnicate", ['unexpected argument "frobnicate"']],
  ["psql --via bastion prod", ['--via "bastion" is not a valid tunnel', "ssh://bastion"]],
  ["psql --via ssh:bastion prod", ['--via "ssh:bastion"', "ssh://bastion"]],
  ["psql --via i-0123456789abcdef0 prod", ["ssm://i-0123456789abcdef0"]],
  ["ca update --region mars-1", ["--region is not a valid AWS Region", "mars-1"]],
  ["proxy --password-file /etc/passwd prod", ["no password in /etc/passwd", "Name another file"]],
];

for (const [typed, words, env = {}] of SLIPS) {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value} `);
  test(`explainSlip() answers ${variables.join("")}rdsiam ${typed}`, async () => {
    const text = await answer(typed, env);
    for (const word of words) assert.ok(text.includes(word), `${word}\nis not in:\n${text}`);
    assert.doesNotMatch(text, /hush|pass@|Remove it/);
  });
}
