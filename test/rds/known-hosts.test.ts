// Where an alias led before, in a file that is only ever added to.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFile, chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { promisify } from "node:util";
import {
  changedHost,
  knownHostsFile,
  recognizeHost,
  rememberHost,
} from "../../src/rds/known-hosts.ts";
import { temporaryDirectory } from "../support/keep.ts";

const ORDERS = { alias: "orders.test", canonical: "a.cluster-x.eu-west-1.rds.amazonaws.com" };
const OTHER = { ...ORDERS, canonical: "evil.cluster-y.eu-west-1.rds.amazonaws.com" };

const directory = await temporaryDirectory("known");

test("knownHostsFile() is in the state directory", () => {
  assert.equal(knownHostsFile({}, "/home/a"), "/home/a/.local/state/rdsiam/known_hosts");
  assert.equal(knownHostsFile({ XDG_STATE_HOME: "" }, "/h"), "/h/.local/state/rdsiam/known_hosts");
  assert.equal(knownHostsFile({ XDG_STATE_HOME: "/s" }, "/h"), "/s/rdsiam/known_hosts");
});

test("rememberHost() writes one line, 0600 in a 0700 directory, and the first one stays", async () => {
  const file = join(directory, "first", "rdsiam", "known_hosts");
  assert.deepEqual(recognizeHost(file, ORDERS), { kind: "new" });
  rememberHost(file, ORDERS);
  rememberHost(file, OTHER);
  assert.equal(await readFile(file, "utf8"), `${ORDERS.alias} ${ORDERS.canonical}\n`);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal((await stat(join(file, ".."))).mode & 0o777, 0o700);
  assert.deepEqual(recognizeHost(file, ORDERS), { kind: "known" });
  assert.deepEqual(recognizeHost(file, OTHER), {
    kind: "changed",
    before: [ORDERS.canonical],
    isWithinAccount: false,
  });
});

test("rememberHost() by many runs at once loses no alias", async () => {
  const file = join(directory, "many", "known_hosts");
  const run = promisify(execFile);
  const source = new URL("../../src/rds/known-hosts.ts", import.meta.url).href;
  const script = (name: string): string =>
    `import { rememberHost } from "${source}";
     for (let i = 0; i < 50; i++) rememberHost("${file}", { alias: "${name}-" + i, canonical: "x" });`;
  const names = ["a", "b", "c", "d"];
  const words = ["--import", "tsx", "--input-type=module", "--eval"];
  await Promise.all(names.map((name) => run(process.execPath, [...words, script(name)])));
  const lines = new Set((await readFile(file, "utf8")).trimEnd().split("\n"));
  assert.equal(lines.size, 200);
  assert.ok([...lines].every((line) => /^[a-d]-\d+ x$/.test(line)));
});

test("recognizeHost() takes several lines of one alias, comments, CRLF and a cut last line", async () => {
  const file = join(directory, "edited");
  await writeFile(file, `# mine\r\n\r\n${ORDERS.alias}\t${ORDERS.canonical}\r\nhalf`);
  rememberHost(file, { alias: "b.test", canonical: "c" });
  await appendFile(file, `${OTHER.alias} ${OTHER.canonical}`);
  for (const host of [ORDERS, OTHER, { alias: "b.test", canonical: "c" }]) {
    assert.deepEqual(recognizeHost(file, host), { kind: "known" });
  }
  assert.deepEqual(recognizeHost(file, { alias: "half", canonical: "x" }), { kind: "new" });
});

test(
  "recognizeHost() does not take a file that it may not read for an empty one",
  { skip: process.getuid?.() === 0 && "root reads everything" },
  async () => {
    const file = join(directory, "closed");
    await writeFile(file, "");
    await chmod(file, 0);
    assert.throws(() => recognizeHost(file, ORDERS), { code: "ERR_CONFIG", message: /EACCES$/ });
  },
);

test("recognizeHost() says that a directory is no file", async () => {
  assert.throws(() => recognizeHost(directory, ORDERS), { code: "ERR_CONFIG", message: /EISDIR/ });
});

const MOVES: readonly (readonly [string, boolean])[] = [
  // Another identifier or kind of endpoint: of the same account and Region.
  ["orders-v2.cluster-x.eu-west-1.rds.amazonaws.com", true],
  ["orders-1.x.eu-west-1.rds.amazonaws.com", true],
  ["a.cluster-ro-x.eu-west-1.rds.amazonaws.com", true],
  ["pool.proxy-x.eu-west-1.rds.amazonaws.com", true],
  ["a.cluster-xy.eu-west-1.rds.amazonaws.com", false],
  ["a.cluster-x.eu-west-2.rds.amazonaws.com", false],
  ["a.global-x.global.rds.amazonaws.com", false],
  ["x.cluster-a.eu-west-1.rds.amazonaws.com", false],
];

for (const [canonical, isWithinAccount] of MOVES) {
  test(`recognizeHost() sees whether a move to ${canonical} is within the account`, async () => {
    const file = join(directory, "moves");
    await writeFile(file, `${ORDERS.alias} ${ORDERS.canonical}\nother.test ${OTHER.canonical}\n`);
    const found = recognizeHost(file, { alias: ORDERS.alias, canonical });
    assert.deepEqual(found, { kind: "changed", before: [ORDERS.canonical], isWithinAccount });
  });
}

test("recognizeHost() with several lines needs one of the account, and a line that is not RDS's is none", async () => {
  const file = join(directory, "several");
  const moved = { alias: ORDERS.alias, canonical: "b.cluster-x.eu-west-1.rds.amazonaws.com" };
  await writeFile(file, `${ORDERS.alias} db.example.com\n`);
  const before = ["db.example.com"];
  const foreign = { kind: "changed", before, isWithinAccount: false };
  assert.deepEqual(recognizeHost(file, moved), foreign);
  await appendFile(
    file,
    `${ORDERS.alias} ${OTHER.canonical}\n${ORDERS.alias} ${ORDERS.canonical}\n`,
  );
  const found = recognizeHost(file, moved);
  assert.equal(found.kind === "changed" && found.isWithinAccount, true);
});

test("changedHost() names both hosts, the file and the command that accepts the change", () => {
  const before = [ORDERS.canonical];
  const changed = { kind: "changed", before, isWithinAccount: false } as const;
  const error = changedHost("/s/known_hosts", OTHER, changed);
  assert.equal(error.code, "ERR_HOST_CHANGED");
  for (const part of [ORDERS.alias, ORDERS.canonical, OTHER.canonical])
    assert.ok(error.message.includes(part));
  assert.match(error.detail ?? "", /^\/s\/known_hosts has.*another account or Region/);
  assert.match(error.hint ?? "", /echo 'orders\.test evil\S+' >> \/s\/known_hosts$/);
  const within = changedHost("/my state/known_hosts", OTHER, { ...changed, isWithinAccount: true });
  assert.match(within.detail ?? "", /Account and Region are the same/);
  assert.match(within.hint ?? "", />> '\/my state\/known_hosts'$/);
});
