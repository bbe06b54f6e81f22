// How a run starts: what is told before the tool starts and what beside it, and where V8 keeps what it has compiled.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { rdsiam, RUNTIME, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage());

const skip = without("psql");
const NOBODY = "arn:aws:iam::123456789012:role/nobody";

test(
  "a role that is refused is told beside the tool: to it, on stderr, and as status 125",
  { skip },
  async () => {
    const words = ["exec", "--role-arn", NOBODY, "prod", "psql", "-XAtc", "select 1"];
    const ran = await rdsiam(words, { env: standIn.env });
    assert.equal(ran.status, 125, ran.stderr);
    assert.match(
      ran.stderr,
      /^rdsiam: error: cannot assume arn:aws:iam::123456789012:role\/nobody/m,
    );
    assert.match(
      ran.stderr,
      /^psql: error: .*FATAL: {2}no AWS credentials: see rdsiam's error above$/m,
    );
    assert.equal(ran.stdout, "");
  },
);

test("what the files show to be wrong is told before the tool starts", async () => {
  const tool = ["sh", "-c", "echo started"];
  for (const words of [
    ["exec", "--profile", "nobody", "prod", ...tool],
    ["exec", "--sslrootcert", "/nonexistent", "prod", ...tool],
    ["exec", "--host", "nowhere.db.example.com", "prod", ...tool],
  ]) {
    const ran = await rdsiam(words, { env: standIn.env });
    assert.deepEqual([ran.status, ran.stdout], [125, ""], words.join(" "));
    assert.match(ran.stderr, /^rdsiam: error: /);
  }
});

test("compiled code is kept by Node alone, once, in a directory of the user's own", async () => {
  const cache = join(standIn.directory, "own-cache");
  const directory = join(cache, "rdsiam", "compiled");
  const list = async (more: Readonly<Record<string, string>> = {}): Promise<string[]> => {
    const env = { ...standIn.env, XDG_CACHE_HOME: cache, ...more };
    const ran = await rdsiam(["list", "--names"], { env });
    assert.match(ran.stdout, /^prod$/m);
    return existsSync(directory) ? await readdir(directory) : [];
  };
  const isNode = RUNTIME.startsWith("node");
  assert.deepEqual(await list({ NODE_DISABLE_COMPILE_CACHE: "1" }), []);
  assert.equal((await list()).length > 0, isNode);
  const written = async (): Promise<number[]> =>
    Promise.all((await list()).map(async (name) => (await stat(join(directory, name))).mtimeMs));
  assert.deepEqual(await written(), await written());
  if (isNode) assert.equal((await stat(directory)).mode & 0o777, 0o700);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o777);
  assert.deepEqual(await list(), [], "others could write there");
  if (process.geteuid?.() !== 0) return;
  await chmod(directory, 0o700);
  await chown(directory, 1, 1);
  assert.deepEqual(await list(), [], "it is somebody else's");
});

test("what was kept and got damaged is compiled again, and a run that fails keeps nothing", async () => {
  const cache = join(standIn.directory, "damaged-cache");
  const directory = join(cache, "rdsiam", "compiled");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const run = (...words: string[]) =>
    rdsiam(words, { env: { ...standIn.env, XDG_CACHE_HOME: cache } });
  assert.equal((await run("token", "nowhere")).status, 125);
  assert.deepEqual(await readdir(directory), []);
  assert.match((await run("list", "--names")).stdout, /^prod$/m);
  const files = (await readdir(directory)).map((name) => join(directory, name));
  assert.equal(files.length > 0, RUNTIME.startsWith("node"));
  const damages: readonly ((whole: Buffer) => Buffer)[] = [
    (whole) => whole.subarray(0, 100),
    (whole) => whole.subarray(0, -1),
    (whole) => Buffer.alloc(whole.length),
    (whole) => whole.fill(0x5a, 2000, 2100),
  ];
  for (const damage of damages) {
    for (const file of files) await writeFile(file, damage(await readFile(file)));
    const damaged = await Promise.all(files.map((file) => readFile(file)));
    const again = await run("list", "--names");
    assert.match(again.stdout, /^prod$/m);
    assert.deepEqual([again.status, again.stderr], [0, ""]);
    for (const [index, file] of files.entries()) {
      assert.notDeepEqual(await readFile(file), damaged[index]);
    }
  }
});

test("a home that cannot be written to is no failure", async () => {
  const env = { ...standIn.env, XDG_CACHE_HOME: "/proc/nonexistent" };
  const ran = await rdsiam(["list", "--names"], { env });
  assert.deepEqual([ran.status, ran.stderr], [0, ""]);
  assert.equal(existsSync("/proc/nonexistent"), false);
});
