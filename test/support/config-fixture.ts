// A home directory with AWS files and our own file, made for one test and removed after it.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadTargets, type LoadedTargets } from "../../src/config/targets.ts";
import { temporaryDirectory } from "./keep.ts";

/** The files of a home directory. */
export interface HomeFiles {
  readonly config?: string;
  readonly credentials?: string;
  readonly own?: string;
}

/** Loads the targets of a home directory with the given files. */
export async function loadFrom(files: HomeFiles): Promise<LoadedTargets> {
  const home = await temporaryDirectory("home");
  await mkdir(join(home, ".aws"));
  await mkdir(join(home, ".config", "rdsiam"), { recursive: true });
  await writeFile(join(home, ".aws", "config"), files.config ?? "");
  await writeFile(join(home, ".aws", "credentials"), files.credentials ?? "");
  await writeFile(join(home, ".config", "rdsiam", "config"), files.own ?? "");
  return loadTargets({ env: {}, home });
}
