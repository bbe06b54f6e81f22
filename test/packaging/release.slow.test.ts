// npm run test:slow -- packaging: what npm run release makes on this platform, each part looked at, and made a second time.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { pack, sha256 } from "../../scripts/release/archive.ts";
import { archiveName, buildBinary, TARGETS } from "../../scripts/release/binaries.ts";
import { writeManifests } from "../../scripts/release/manifests.ts";
import { validate } from "../../scripts/release/sbom.ts";
import { installTools, TOOL_PACKAGES, TOOLS } from "../../scripts/tools.ts";
import { type Finished, run, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { publishedFiles, ROOT } from "./packed.ts";

const HOST = `${process.platform}-${process.arch}`;
const VERSION = (JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as Manifest)
  .version;

interface Manifest {
  readonly name: string;
  readonly version: string;
}

let directory: string;
let first: Finished;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "rdsiam-release-test-"));
  first = await release("first");
});
after(() => rm(directory, { recursive: true, force: true }));

async function release(name: string, ...more: readonly string[]): Promise<Finished> {
  const words = ["node", "--import", "tsx", "scripts/release.ts", "--install", "--targets", HOST];
  return await run([...words, "--out", join(directory, name), ...more], {
    cwd: ROOT,
    env: process.env,
  });
}

test("npm run release: package, archive, bills of materials, and sums that are right", async () => {
  assert.equal(first.status, 0, first.stderr);
  const checked = await run(["sha256sum", "--check", "--strict", "SHA256SUMS"], {
    cwd: join(directory, "first"),
  });
  assert.equal(
    checked.stdout,
    [
      `rdsiam-${VERSION}-binaries.cdx.json: OK`,
      `${archiveName(VERSION, HOST)}: OK`,
      `rdsiam-${VERSION}.cdx.json: OK`,
      `rdsiam-${VERSION}.tgz: OK\n`,
    ].join("\n"),
  );
});

test("npm run release: the package holds exactly the files that are meant", async () => {
  const listed = await run(["tar", "tf", join(directory, "first", `rdsiam-${VERSION}.tgz`)]);
  const names = listed.stdout
    .trim()
    .split("\n")
    .map((name) => name.replace("package/", ""));
  assert.deepEqual(names.toSorted(), await publishedFiles());
});

test("npm run release: the same bytes a second time", async () => {
  const second = await release("second");
  assert.equal(second.status, 0, second.stderr);
  const sums = (name: string): Promise<string> =>
    readFile(join(directory, name, "SHA256SUMS"), "utf8");
  assert.equal(await sums("second"), await sums("first"));
});

test("npm run release: refuses to mix with other files", async () => {
  await mkdir(join(directory, "other"));
  await writeFile(join(directory, "other/precious"), "");
  const ran = await release("other");
  assert.notEqual(ran.status, 0);
  assert.match(ran.stderr, /holds other files/);
  assert.equal(await readFile(join(directory, "other/precious"), "utf8"), "");
});

test("buildBinary(): says what is missing and how to get it", async () => {
  const target = { name: "plan9-x64", runtime: "@oven/bun-plan9-x64/bin/bun", program: "rdsiam" };
  const options = { out: directory, version: VERSION, install: false };
  const problem = await buildBinary(target, options);
  assert.match(
    problem ?? "",
    /^rdsiam-\S+-plan9-x64\.tar\.gz: Bun for plan9-x64 is not here; npm run/,
  );
});

test("the archive: papers and the binary, which logs in", { skip: without("psql") }, async () => {
  const archive = join(directory, "first", archiveName(VERSION, HOST));
  const listed = await run(["tar", "tf", archive]);
  const root = `rdsiam-${VERSION}-${HOST}`;
  const names = listed.stdout.trim().split("\n");
  assert.deepEqual(
    names.filter((name) => !name.endsWith("/")).toSorted(),
    [
      "BUN.txt",
      "CHANGELOG.md",
      "LICENSE",
      "LICENSES.txt",
      "README.md",
      "SECURITY.md",
      "completions/_rdsiam",
      "completions/rdsiam.bash",
      "completions/rdsiam.fish",
      "completions/rdsiam.ps1",
      "man/rdsiam.1",
      "rdsiam",
    ].map((name) => `${root}/${name}`),
  );
  assert.equal((await run(["tar", "xf", archive, "-C", directory])).status, 0);
  await using standIn = await startStage();
  const ran = await run(
    [join(directory, root, "rdsiam"), "psql", "prod", "-Atc", "select current_user"],
    { env: standIn.env },
  );
  assert.deepEqual([ran.status, ran.stdout], [0, "app_ro\n"], ran.stderr);
});

interface Bom {
  readonly components: readonly {
    readonly group?: string;
    readonly name: string;
    readonly version: string;
  }[];
}

async function listed(name: string): Promise<string[]> {
  const text = await readFile(join(directory, "first", name), "utf8");
  assert.equal(await validate(text), null);
  assert.ok(!text.includes(ROOT));
  const bom: Bom = JSON.parse(text);
  return bom.components
    .map(
      ({ group, name: own, version }) =>
        `${group === undefined ? "" : `${group}/`}${own}@${version}`,
    )
    .toSorted();
}

// What the bundler says that bytes were taken from, found without the tool that writes the bill.
async function bundled(): Promise<string[]> {
  const text = await readFile(join(ROOT, "build/metafile.json"), "utf8");
  const metafile: { outputs: Record<string, { inputs: Record<string, unknown> }> } =
    JSON.parse(text);
  const found = new Set<string>();
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const input of Object.keys(inputs)) {
      const [directoryOfPackage] = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? [];
      if (directoryOfPackage === undefined) continue;
      const file = join(ROOT, directoryOfPackage, "package.json");
      const manifest: Manifest = JSON.parse(await readFile(file, "utf8"));
      found.add(`${manifest.name}@${manifest.version}`);
    }
  }
  return [...found].toSorted();
}

test("the bills of materials: valid, and exactly what is bundled; Bun with the binaries", async () => {
  const expected = await bundled();
  assert.ok(expected.length > 50);
  assert.deepEqual(await listed(`rdsiam-${VERSION}.cdx.json`), expected);
  const runtimes: Record<
    "devDependencies" | "optionalDependencies",
    Record<string, string>
  > = JSON.parse(await readFile(join(ROOT, "scripts/runtimes/package.json"), "utf8"));
  const everyBun = Object.entries({ ...runtimes.optionalDependencies, ...runtimes.devDependencies })
    .filter(([name]) => name.includes("bun-"))
    .map(([, version]) => version.split("@").at(-1));
  assert.equal(everyBun.length, 8);
  const [bun, ...others] = new Set(everyBun);
  assert.deepEqual(others, []);
  const withBun = [...expected, `bun@${bun}`].toSorted();
  assert.deepEqual(await listed(`rdsiam-${VERSION}-binaries.cdx.json`), withBun);
});

test("docs/install.md: its lines install the archive of this platform, and no other file", async (context) => {
  const reason = HOST === "linux-x64" ? without("curl") : "not linux-x64";
  if (reason !== false) return context.skip(reason);
  const guide = await readFile(join(ROOT, "docs/install.md"), "utf8");
  const lines = /```sh\n(base=[^`]*)```/.exec(guide)?.[1] ?? "";
  const place = join(directory, "installed");
  await mkdir(place);
  const install = async (release: string): Promise<Finished> => {
    const script = lines
      .replace(/base=\S+/, `base=file://${release}`)
      .replace(/file=rdsiam-\S+?-linux/, `file=rdsiam-${VERSION}-linux`)
      .replace("sudo install", "install")
      .replace("/usr/local/bin/", `${place}/`);
    return run(["sh", "-e", "-c", script], { cwd: place });
  };
  const installed = await install(join(directory, "first"));
  assert.equal(installed.status, 0, installed.stderr);
  const version = await run([join(place, "rdsiam"), "--version"]);
  assert.equal(version.stdout, `${VERSION}\n`);
  await rm(join(place, "rdsiam"));
  const forged = join(directory, "forged");
  await mkdir(forged);
  await writeFile(join(forged, archiveName(VERSION, HOST)), "another archive");
  await writeFile(
    join(forged, "SHA256SUMS"),
    await readFile(join(directory, "first", "SHA256SUMS")),
  );
  assert.notEqual((await install(forged)).status, 0);
  assert.equal(existsSync(join(place, "rdsiam")), false);
});

test("writeManifests(): every mark filled in, and each is what its package manager reads", async (context) => {
  const out = join(directory, "manifests");
  await mkdir(out);
  const options = { out, version: "1.2.3", repository: "acme/rdsiam" };
  assert.match((await writeManifests(options)).join(), /rdsiam\.rb: \S+ was not made/);
  for (const { name } of TARGETS) await writeFile(join(out, archiveName("1.2.3", name)), name);
  assert.deepEqual(await writeManifests(options), []);
  const read = (name: string): Promise<string> => readFile(join(out, name), "utf8");
  const winget = ["", ".installer", ".locale.en-US"].map((part) => `acme.rdsiam${part}.yaml`);
  const names = ["rdsiam.rb", "rdsiam.json", ...winget];
  for (const name of names)
    assert.deepEqual((await read(name)).match(/@[A-Z][^"@]*@/g), null, name);
  const formula = await read("rdsiam.rb");
  assert.equal(formula.match(/sha256 "[0-9a-f]{64}"/g)?.length, 4);
  const sum = await sha256(join(out, archiveName("1.2.3", "windows-x64")));
  const scoop: { architecture: { "64bit": { hash: string; url: string } } } = JSON.parse(
    await read("rdsiam.json"),
  );
  assert.equal(scoop.architecture["64bit"].hash, sum);
  assert.match(
    scoop.architecture["64bit"].url,
    /acme\/rdsiam\/releases\/download\/v1\.2\.3\/.*\.zip$/,
  );
  assert.match(await read("acme.rdsiam.installer.yaml"), new RegExp(`InstallerSha256: "${sum}"`));
  const reason = without("ruby");
  if (reason !== false) return context.skip(reason);
  const parsed = await run(["ruby", "-c", join(out, "rdsiam.rb")]);
  assert.equal(parsed.stdout, "Syntax OK\n", parsed.stderr);
});

test("pack(): a zip file is the same twice, and what python3 unpacks is what was packed", async (context) => {
  const reason = without("python3");
  if (reason !== false) return context.skip(reason);
  const parent = join(directory, "zip");
  await mkdir(join(parent, "tree/sub"), { recursive: true });
  const content = { "tree/a b.exe": "x".repeat(100_000), "tree/sub/\u00FC.txt": "" };
  for (const [name, text] of Object.entries(content)) await writeFile(join(parent, name), text);
  const [one, two] = [join(parent, "one.zip"), join(parent, "two.zip")];
  for (const archive of [one, two]) await pack(archive, parent, "tree");
  assert.deepEqual(await readFile(one), await readFile(two));
  const unpacked = await run(["python3", "-m", "zipfile", "-e", one, join(parent, "out")]);
  assert.equal(unpacked.status, 0, unpacked.stderr);
  for (const [name, text] of Object.entries(content)) {
    assert.equal(await readFile(join(parent, "out", name), "utf8"), text);
  }
});

test("packaging/docker/Dockerfile and the workflows: nothing for their linters to say", async () => {
  assert.equal(await installTools(), undefined);
  const dockerfile = await run([
    join(TOOL_PACKAGES, ".bin/dockerfile-utils"),
    "lint",
    join(ROOT, "packaging/docker/Dockerfile"),
  ]);
  assert.deepEqual([dockerfile.status, dockerfile.stdout], [0, ""], dockerfile.stderr);
  const workflow = await run(["node", join(TOOLS, "lint-workflow.mjs")], {
    cwd: ROOT,
  });
  assert.deepEqual([workflow.status, workflow.stdout], [0, ""], workflow.stderr);
});

// There is no Docker here to build the image: its first stage is a shell script over two files, and that runs.
test("packaging/docker/Dockerfile: its first stage unpacks the archive of the platform", async (context) => {
  if (HOST !== "linux-x64") return context.skip("not linux-x64");
  const text = await readFile(join(ROOT, "packaging/docker/Dockerfile"), "utf8");
  const script = /^RUN (case [^]*?)\n\n/m.exec(text)?.[1] ?? "";
  const image = join(directory, "image");
  const file = join(image, "unpack.sh");
  await mkdir(join(image, "release"), { recursive: true });
  for (const name of [archiveName(VERSION, HOST), "SHA256SUMS"]) {
    const bytes = await readFile(join(directory, "first", name));
    await writeFile(join(image, "release", name), bytes);
  }
  await writeFile(
    file,
    script
      .replaceAll("/release", `${image}/release`)
      .replaceAll(/(?<=\s)\/rdsiam(?=\s)/g, `${image}/rdsiam`),
  );
  await chmod(file, 0o755);
  const ran = await run(["sh", "-e", file], {
    cwd: join(image, "release"),
    env: { TARGETARCH: "amd64" },
  });
  assert.equal(ran.status, 0, ran.stderr);
  const version = await run([join(image, "rdsiam/rdsiam"), "--version"]);
  assert.equal(version.stdout, `${VERSION}\n`);
});
