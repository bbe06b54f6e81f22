// Fills the manifests of package managers in: the version, the repository, and the sum of each archive that was made.
// https://docs.brew.sh/Formula-Cookbook, https://github.com/ScoopInstaller/Scoop/wiki/App-Manifests
// https://github.com/microsoft/winget-pkgs/tree/master/doc/manifest

import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "./archive.ts";
import { archiveName } from "./binaries.ts";

const PACKAGING = join(import.meta.dirname, "../../packaging");

// Where winget's are told apart from others, it is by their names: OWNER.rdsiam.installer.yaml.
const TEMPLATES: readonly (readonly [template: string, name: string])[] = [
  ["homebrew/rdsiam.rb", "rdsiam.rb"],
  ["scoop/rdsiam.json", "rdsiam.json"],
  ["winget/rdsiam.yaml", "@OWNER@.rdsiam.yaml"],
  ["winget/rdsiam.installer.yaml", "@OWNER@.rdsiam.installer.yaml"],
  ["winget/rdsiam.locale.en-US.yaml", "@OWNER@.rdsiam.locale.en-US.yaml"],
];

/** What the manifests are made of. */
export interface ManifestOptions {
  readonly out: string;
  readonly version: string;
  /** OWNER/NAME on GitHub, where the archives are. */
  readonly repository: string;
}

/** Writes each manifest; the reasons why some were not. */
export async function writeManifests(options: ManifestOptions): Promise<string[]> {
  const { out, repository, version } = options;
  const [owner = ""] = repository.split("/");
  const fill = (text: string): string =>
    text
      .replaceAll("@VERSION@", version)
      .replaceAll("@REPOSITORY@", repository)
      .replaceAll("@OWNER@", owner);
  const problems: string[] = [];
  for (const [template, name] of TEMPLATES) {
    let text = fill(await readFile(join(PACKAGING, template), "utf8"));
    const marks = [...text.matchAll(/@SHA256 ([a-z0-9-]+)@/g)];
    const archives = marks.map(
      ([mark, target = ""]) => [mark, archiveName(version, target)] as const,
    );
    const missing = archives.find(([, archive]) => !existsSync(join(out, archive)));
    if (missing !== undefined) {
      problems.push(`${fill(name)}: ${missing[1]} was not made`);
      continue;
    }
    for (const [mark, archive] of archives) {
      text = text.replace(mark, await sha256(join(out, archive)));
    }
    await writeFile(join(out, fill(name)), text);
  }
  return problems;
}
