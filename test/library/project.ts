// A program's project with the packed package in it, beside the libraries of package.json here, which are installed on demand.
import { existsSync } from "node:fs";
import { copyFile, cp, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { type Finished, run } from "../support/program.ts";
import type { Packed } from "../packaging/packed.ts";

const HERE = import.meta.dirname;
const MODULES = join(HERE, "node_modules");
const TSX = join(HERE, "../../node_modules/tsx/dist/esm/index.mjs");

/** A directory in which programs are written and run. */
export interface Project {
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** Writes a program and runs it to its end; without `words` under Node with tsx. */
  readonly run: (file: string, text: string, words?: readonly string[]) => Promise<Finished>;
}

/** Sees to the libraries; undefined when they are here, else the reason why not. */
export async function prepareLibraries(): Promise<string | undefined> {
  if (existsSync(join(MODULES, ".package-lock.json"))) return undefined;
  const words = [
    "npm",
    "ci",
    "--prefix",
    HERE,
    "--no-engine-strict",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
  ];
  // npm's own settings, a proxy and its certificates.
  const ran = await run(words, { env: process.env });
  return ran.status === 0 ? undefined : `npm ci: ${ran.stderr.trim().split("\n").at(-1)}`;
}

/** Makes a project whose programs see the stand-in behind the names of RDS. */
export async function makeProject(packed: Packed, standIn: StandIn): Promise<Project> {
  const directory = join(standIn.directory, "project");
  const modules = join(directory, "node_modules");
  await mkdir(modules, { recursive: true });
  for (const name of await readdir(MODULES)) {
    if (!name.startsWith(".")) await symlink(join(MODULES, name), join(modules, name));
  }
  const unpacked = await run(["tar", "-xzf", packed.tarball, "-C", directory]);
  if (unpacked.status !== 0) throw new Error(unpacked.stderr);
  await cp(join(directory, "package"), join(modules, "rdsiam"), { recursive: true });
  await writeFile(join(directory, "package.json"), '{ "type": "module" }\n');
  await copyFile(standIn.caFile, join(directory, "global-bundle.pem"));
  const names = join(directory, "names.mjs");
  await copyFile(join(HERE, "names.mjs"), names);
  const env = {
    ...standIn.env,
    // What a service has, where a sample names no target.
    AWS_ACCESS_KEY_ID: standIn.key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: standIn.key.secretAccessKey,
    RDSIAM_DNS_SERVERS: standIn.dns.address,
    RDSIAM_SSLROOTCERT: standIn.caFile,
  };
  const node = [process.execPath, "--import", pathToFileURL(names).href, "--import", TSX];
  return {
    directory,
    env,
    run: async (file, text, words = node) => {
      const path = join(directory, file);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
      return await run([...words, path], { env, cwd: directory });
    },
  };
}
