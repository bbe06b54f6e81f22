// npm run test:slow -- library: the packed package as programs use it. Each sample of docs/library.md runs on the stand-in under Node, and
// compiles as strictly as TypeScript can; Bun and Deno run some; a bundler takes the package into one file.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { runtimePath } from "../../scripts/runtimes.ts";
import { blocksOf } from "../docs/markdown.ts";
import { type Finished, run } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { packPackage } from "../packaging/packed.ts";
import { startRegistry } from "../packaging/registry.ts";
import { makeProject, prepareLibraries, type Project } from "./project.ts";
import { keep } from "../support/keep.ts";

const HERE = import.meta.dirname;
const SAMPLES = blocksOf("docs/library.md").filter(({ language }) => language === "ts");
const SCHEMA = `generator client {
  provider = "prisma-client"
  output   = "./generated"
}
datasource db {
  provider = "postgresql"
}
model orders {
  id Int @id
}
`;

let project: Project;
const missing = await prepareLibraries();
const packed = await keep(packPackage());
const standIn = await keep(startStage());
if (missing === undefined) project = await makeProject(packed, standIn);
if (missing === undefined) await generatePrismaClient();

// Its command downloads an engine that migrations need and a client does not: a program in its place stops that.
async function generatePrismaClient(): Promise<void> {
  const { directory } = project;
  await writeFile(join(directory, "schema.prisma"), SCHEMA);
  const words = ["node_modules/prisma/build/index.js", "generate", "--schema", "schema.prisma"];
  const env = {
    HOME: directory,
    PRISMA_SCHEMA_ENGINE_BINARY: "/bin/true",
    CHECKPOINT_DISABLE: "1",
  };
  const ran = await run([process.execPath, ...words], { cwd: directory, env });
  assert.equal(ran.status, 0, `${ran.stdout}${ran.stderr}`);
}

function fileOf(line: number): string {
  return `sample-${line}.ts`;
}

// A reader's database is on the usual port.
function onStandIn(text: string): string {
  const { port } = standIn.gateway;
  return text
    .replaceAll(/\bhost: "[^"]+"/g, `$&, port: ${port}`)
    .replaceAll(/\bhost,/g, `host, port: ${port},`)
    .replaceAll(/@orders\.db\.example\.com\//g, `@orders.db.example.com:${port}/`);
}

function assertRan(ran: Finished, printed: RegExp): void {
  assert.deepEqual([ran.status, ran.stderr], [0, ""], ran.stdout);
  assert.match(ran.stdout, printed);
}

describe("docs/library.md", () => {
  for (const { text, line } of SAMPLES.filter((sample) => !sample.text.includes('"npm:'))) {
    const [title = ""] = text.split("\n");
    test(`line ${line}: ${title}`, async (context) => {
      if (missing !== undefined) return context.skip(missing);
      const ran = await project.run(fileOf(line), onStandIn(text));
      assertRan(ran, text.includes("catch") ? /^ERR_TARGET unknown target "prd"/ : /app_ro/);
    });
  }

  for (const [name, resolution] of [
    ["nodenext", "nodenext"],
    ["esnext", "bundler"],
  ] as const) {
    for (const compiler of [
      "node_modules/typescript",
      join(HERE, "../../node_modules/typescript"),
    ]) {
      const manifest = join(
        compiler.startsWith("/") ? compiler : join(HERE, compiler),
        "package.json",
      );
      test(`the samples compile: moduleResolution ${resolution}, ${compiler.startsWith("/") ? "the newest TypeScript" : "TypeScript 5"}`, async (context) => {
        if (missing !== undefined) return context.skip(missing);
        const { version }: { version: string } = JSON.parse(await readFile(manifest, "utf8"));
        context.diagnostic(`TypeScript ${version}`);
        const include = [];
        for (const { text, line } of SAMPLES.filter((sample) => !sample.text.includes('"npm:'))) {
          await writeFile(join(project.directory, fileOf(line)), text);
          include.push(fileOf(line));
        }
        const strict = {
          strict: true,
          exactOptionalPropertyTypes: true,
          noUncheckedIndexedAccess: true,
        };
        const target = { target: "es2022", lib: ["es2023"], types: ["node"], noEmit: true };
        const how = {
          module: name,
          moduleResolution: resolution,
          allowImportingTsExtensions: true,
        };
        // Of the other libraries' types only what these samples say is looked at; of ours every line is.
        const compilerOptions = { ...strict, ...target, ...how, skipLibCheck: true };
        const config = join(project.directory, "tsconfig.json");
        await writeFile(config, JSON.stringify({ compilerOptions, include }));
        const tsc = join(manifest, "../bin/tsc");
        const words = [process.execPath, tsc, "-p", config];
        const ran = await run(words, { cwd: project.directory });
        assert.equal(ran.status, 0, ran.stdout);
        const own = join(project.directory, "node_modules/rdsiam/dist/library.d.mts");
        const alone = { ...compilerOptions, skipLibCheck: false, types: ["node"] };
        await writeFile(config, JSON.stringify({ compilerOptions: alone, files: [own] }));
        const checked = await run(words, { cwd: project.directory });
        assert.equal(checked.status, 0, checked.stdout);
      });
    }
  }
});

test("postgres.js: a session's settings, cancelling, failures that leave its pool whole", async (context) => {
  if (missing !== undefined) return context.skip(missing);
  const text = await readFile(join(HERE, "postgres-js.mjs"), "utf8");
  const ran = await project.run("postgres-js.mjs", text);
  const expected = [
    "read only on a report",
    "cancel PostgresError 57014",
    "failures RdsIamError ERR_CREDENTIALS",
    "after app_ro",
    "",
  ];
  assertRan(ran, /^read only/);
  assert.deepEqual(ran.stdout.split("\n"), expected);
});

test("a program in CommonJS, and one file made by a bundler", async (context) => {
  if (missing !== undefined) return context.skip(missing);
  const text = `const pg = require("pg"); const { connectionOptions } = require("rdsiam");
(async () => {
  const client = new pg.Client(await connectionOptions("stage"));
  await client.connect();
  console.log((await client.query("select current_user")).rows[0].current_user);
  await client.end();
})();`;
  assertRan(await project.run("common.cjs", text, [process.execPath]), /^app_ro\n$/);
  const { directory, env } = project;
  const esbuild = join(HERE, "node_modules/.bin/esbuild");
  const outfile = join(directory, "bundle/one.cjs");
  const words = [
    esbuild,
    "common.cjs",
    "--bundle",
    "--platform=node",
    "--external:pg-native",
    `--outfile=${outfile}`,
  ];
  const bundled = await run([...words, "--log-level=warning"], { cwd: directory });
  assert.deepEqual([bundled.status, bundled.stderr], [0, ""]);
  assertRan(await run([process.execPath, outfile], { env, cwd: "/" }), /^app_ro\n$/);
});

test("every way to resolve the types is right", async (context) => {
  if (missing !== undefined) return context.skip(missing);
  const words = [join(HERE, "node_modules/.bin/attw"), packed.tarball, "--format", "ascii"];
  const ran = await run(words, { env: { HOME: project.directory } });
  assert.equal(ran.status, 0, `${ran.stdout}${ran.stderr}`);
});

for (const [runtime, ...words] of [
  ["node", "--no-warnings"],
  ["bun"],
  ["deno", "run", "-A", "--no-lock", "--no-prompt", "--node-modules-dir=manual"],
] as const) {
  test(`${runtime}: node-postgres and postgres.js`, async (context) => {
    if (missing !== undefined) return context.skip(missing);
    const program = await runtimePath(runtime);
    if (program === undefined) return context.skip(`no ${runtime} for this platform`);
    const samples = SAMPLES.filter(({ text }) => text.includes('connectionOptions("prod")'));
    const chosen = samples.filter(({ text }) => /new pg\.Pool|postgres\(/.test(text));
    assert.ok(chosen.length >= 2);
    for (const { text, line } of chosen) {
      const file = `${runtime}-${line}.mjs`;
      assertRan(await project.run(file, onStandIn(text), [program, ...words]), /app_ro/);
    }
    const more = await readFile(join(HERE, "postgres-js.mjs"), "utf8");
    assertRan(await project.run(`${runtime}.mjs`, more, [program, ...words]), /after app_ro/);
  });
}

test("deno: npm:rdsiam, with the permissions that the guide names", async (context) => {
  const deno = await runtimePath("deno");
  if (deno === undefined) return context.skip("no Deno for this platform");
  await using registry = await startRegistry(packed.tarball, packed.manifest);
  const [sample] = SAMPLES.filter(({ text }) => text.includes('"npm:'));
  const file = join(packed.directory, "deno.ts");
  await writeFile(file, sample?.text ?? "");
  const allowed = ["--allow-env", "--allow-read", "--allow-sys", "--allow-net"];
  const words = [deno, "run", "--no-lock", "--no-prompt", ...allowed, file];
  const env = {
    ...standIn.env,
    NPM_CONFIG_REGISTRY: registry.url,
    DENO_DIR: join(packed.directory, "deno"),
  };
  const ran = await run(words, { env, cwd: packed.directory });
  assert.deepEqual([ran.status, ran.stdout], [0, "true\n"], ran.stderr);
});
