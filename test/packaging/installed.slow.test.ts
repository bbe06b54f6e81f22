// npm run test:slow -- packaging: the packed package under each of its runners, and the archive with the binary; each logs in to the
// stand-in with psql. They install it by name, from a registry on the loopback interface, into caches of their own.
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runtimePath } from "../../scripts/runtimes.ts";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { type Finished, run, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { packPackage, type Packed } from "./packed.ts";
import { type Registry, startRegistry } from "./registry.ts";

const SKIP = { skip: without("psql") };
const QUERY = ["psql", "prod", "-Atc", "select current_user"];

let packed: Packed;
let registry: Registry;
let standIn: StandIn;
before(async () => {
  packed = await packPackage();
  registry = await startRegistry(packed.tarball, packed.manifest);
  standIn = await startStage();
});
after(async () => {
  await standIn[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  await packed[Symbol.asyncDispose]();
});

// Every runner starts in an empty directory, without a cache, and with this registry alone.
async function start(name: string, words: readonly string[]): Promise<Finished> {
  const cwd = join(packed.directory, name);
  await mkdir(cwd);
  const cache = join(cwd, "cache");
  const environment = {
    ...standIn.env,
    npm_config_registry: registry.url,
    npm_config_cache: cache,
    npm_config_update_notifier: "false",
    npm_config_audit: "false",
    NPM_CONFIG_REGISTRY: registry.url,
    BUN_INSTALL_CACHE_DIR: cache,
    DENO_DIR: cache,
    TMPDIR: cwd,
  };
  return await run(words, { env: environment, cwd });
}

function assertLoggedIn(ran: Finished): void {
  assert.deepEqual([ran.status, ran.stdout], [0, "app_ro\n"], ran.stderr);
}

test("npm install -g", SKIP, async () => {
  const prefix = join(packed.directory, "prefix");
  const words = ["npm", "install", "--global", "--no-audit", "--no-fund", "--prefix", prefix];
  const installed = await start("npm", [...words, "rdsiam"]);
  assert.equal(installed.status, 0, installed.stderr);
  // For `man rdsiam`.
  assert.match(await readFile(join(prefix, "share/man/man1/rdsiam.1"), "utf8"), /^\.TH /m);
  assertLoggedIn(await start("npm-run", [join(prefix, "bin/rdsiam"), ...QUERY]));
});

test("npx", SKIP, async () => {
  assertLoggedIn(await start("npx", ["npx", "--yes", "rdsiam", ...QUERY]));
});

test("bunx", SKIP, async (context) => {
  const bun = await runtimePath("bun");
  if (bun === undefined) return context.skip("no Bun for this platform");
  assertLoggedIn(await start("bunx", [bun, "x", "--bun", "rdsiam", ...QUERY]));
});

test("deno run -A npm:rdsiam", SKIP, async (context) => {
  const deno = await runtimePath("deno");
  if (deno === undefined) return context.skip("no Deno for this platform");
  const words = [deno, "run", "-A", "--no-prompt", "npm:rdsiam", ...QUERY];
  assertLoggedIn(await start("deno", words));
});

test("nothing but rdsiam was asked for", SKIP, () => {
  assert.deepEqual([...new Set(registry.asked)].toSorted(), ["/package.tgz", "/rdsiam"]);
});
