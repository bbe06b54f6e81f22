// The built program on any system, Windows too: it starts, reads its configuration, signs, and ends as it should. No network and no
// other program. RDSIAM_COMMAND makes it the binary.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { type Finished, rdsiam } from "../support/program.ts";

const HOST = "orders.cluster-c1a2b3d4e5f6.eu-west-1.rds.amazonaws.com";
const CONFIG = `[profile prod]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = ${"not-a-secret".repeat(4)}
rds_host = ${HOST}
rds_user = app_ro
`;

let home: string;
before(async () => {
  home = await mkdtemp(join(tmpdir(), "rdsiam-smoke-"));
  await mkdir(join(home, ".aws"));
  await writeFile(join(home, ".aws", "config"), CONFIG);
});
after(() => rm(home, { recursive: true, force: true }));

function run(...args: string[]): Promise<Finished> {
  // Windows' programs need the directory of Windows.
  const { SYSTEMROOT, TEMP } = process.env;
  return rdsiam(args, { env: { HOME: home, USERPROFILE: home, SYSTEMROOT, TEMP } });
}

test("rdsiam --version, --help and list", async () => {
  const { version }: { version: string } = JSON.parse(await readFile("package.json", "utf8"));
  assert.equal((await run("--version")).stdout, `${version}\n`);
  assert.match((await run("--help")).stdout, /^Usage: rdsiam |rdsiam psql/m);
  assert.match((await run("list")).stdout, /^prod\t/);
});

test("rdsiam token signs", async () => {
  const { status, stderr, stdout } = await run("token", "prod");
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^orders\.cluster-\S+DBUser=app_ro\S+X-Amz-Signature=[0-9a-f]{64}\S*\n$/);
});

test("rdsiam exec ends with 127 for a tool that is not there, and with 125 for a slip", async () => {
  assert.equal((await run("exec", "prod", "no-such-tool")).status, 127);
  const slip = await run("exec", "nowhere", "node");
  assert.equal(slip.status, 125);
  assert.match(slip.stderr, /^rdsiam: error: /m);
});
