// Fills packaging/homebrew/rdsiam.rb in: the version, the repository, and the sum of each archive that was made.
// https://docs.brew.sh/Formula-Cookbook

import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "./archive.ts";
import { archiveName } from "./binaries.ts";

const TEMPLATE = join(import.meta.dirname, "../../packaging/homebrew/rdsiam.rb");

/** Writes rdsiam.rb; undefined when it is done, else the reason why not. */
export async function writeFormula(options: {
  readonly out: string;
  readonly version: string;
  /** OWNER/NAME on GitHub, where the archives are. */
  readonly repository: string;
}): Promise<string | undefined> {
  const { out, version, repository } = options;
  let formula = (await readFile(TEMPLATE, "utf8"))
    .replaceAll("@VERSION@", version)
    .replaceAll("@REPOSITORY@", repository);
  for (const [mark, target = ""] of formula.matchAll(/@SHA256 ([a-z0-9-]+)@/g)) {
    const archive = archiveName(version, target);
    const file = join(out, archive);
    if (!existsSync(file)) return `rdsiam.rb: ${archive} was not made`;
    formula = formula.replace(mark, await sha256(file));
  }
  await writeFile(join(out, "rdsiam.rb"), formula);
  return undefined;
}
