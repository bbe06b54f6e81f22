// npm run release [-- --targets linux-x64,darwin-arm64 --out DIR --repository OWNER/NAME --install]: everything that is published.
// The npm package, one archive with a binary for each platform, bills of materials, manifests for Homebrew, winget and scoop, and
// SHA256SUMS over all of it. Nothing is fetched unless --install says so; what cannot be made is named, with the remedy, and the status is 1.
// The same sources and the same Bun give the same bytes: no clock, user or path of this machine is in any of the files.

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { $ } from "zx";
import { sha256 } from "./release/archive.ts";
import { buildBinary, TARGETS, type Target } from "./release/binaries.ts";
import { writeManifests } from "./release/manifests.ts";
import { prepareSbom, writeSboms } from "./release/sbom.ts";

const SUMS = "SHA256SUMS";

interface Plan {
  readonly out: string;
  readonly targets: readonly Target[];
  readonly repository: string | undefined;
  /** Whether what is missing may be fetched. */
  readonly install: boolean;
  readonly version: string;
}

async function main(): Promise<void> {
  const plan = await readPlan();
  await emptyOut(plan.out);
  // Without what earlier builds left in dist.
  await $`npm run --silent build -- --clean`;
  await $`npm pack --silent --pack-destination ${plan.out}`;
  const problems = [await makeSboms(plan)];
  for (const target of plan.targets) problems.push(await buildBinary(target, plan));
  if (plan.repository === undefined) {
    process.stdout.write(
      "the manifests of package managers are left out: --repository OWNER/NAME says where it is\n",
    );
  } else problems.push(...(await writeManifests({ ...plan, repository: plan.repository })));
  await writeSums(plan.out);
  const missing = problems.filter((problem) => problem !== undefined);
  for (const problem of missing) process.stdout.write(`NOT MADE  ${problem}\n`);
  process.exitCode = missing.length === 0 ? 0 : 1;
}

async function readPlan(): Promise<Plan> {
  const { values } = parseArgs({
    options: {
      out: { type: "string", default: "build/release" },
      targets: { type: "string" },
      repository: { type: "string" },
      install: { type: "boolean", default: false },
    },
  });
  const manifest: { version: string } = JSON.parse(await readFile("package.json", "utf8"));
  const named = values.targets?.split(",") ?? TARGETS.map(({ name }) => name);
  const unknown = named.find((word) => TARGETS.every(({ name }) => name !== word));
  if (unknown !== undefined) {
    const names = TARGETS.map(({ name }) => name).join(", ");
    throw new TypeError(`no such target: ${unknown} (there are ${names})`);
  }
  return {
    out: resolve(values.out),
    targets: TARGETS.filter(({ name }) => named.includes(name)),
    repository: values.repository,
    install: values.install,
    version: manifest.version,
  };
}

// What an earlier release left would otherwise be summed up with this one.
async function emptyOut(out: string): Promise<void> {
  await mkdir(out, { recursive: true });
  const names = await readdir(out);
  if (names.length > 0 && !names.includes(SUMS)) {
    throw new TypeError(`${out} holds other files than those of a release; name an empty --out`);
  }
  for (const name of names) await rm(join(out, name), { recursive: true });
}

async function makeSboms(plan: Plan): Promise<string | undefined> {
  const problem = await prepareSbom(plan);
  if (problem === undefined) await writeSboms(plan);
  return problem;
}

// The format of `sha256sum --check`.
async function writeSums(out: string): Promise<void> {
  const lines: string[] = [];
  for (const name of (await readdir(out)).toSorted()) {
    lines.push(`${await sha256(join(out, name))}  ${name}`);
  }
  await writeFile(join(out, SUMS), `${lines.join("\n")}\n`);
  process.stdout.write(`${out}\n${lines.join("\n")}\n`);
}

void main();
