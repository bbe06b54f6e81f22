// Bills of materials in CycloneDX 1.6: what esbuild really put into dist (after it dropped what is not used), read from its
// metafile by the CycloneDX project's own tool; a second one for the binaries, which contain Bun as well. Both are validated.
// https://github.com/CycloneDX/cyclonedx-esbuild

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Metafile } from "esbuild";
import { $ } from "zx";
import { hasTools, installTools, TOOL_PACKAGES, TOOLS } from "../tools.ts";
import { bunVersion, type ReleaseOptions } from "./binaries.ts";

const SPECIFICATION = "1.6";

// It comes with the tool, and is no package of the project's own.
const VALIDATION = "@cyclonedx/cyclonedx-library/Validation";

interface Component {
  readonly type: string;
  readonly name: string;
  readonly [key: string]: unknown;
}

interface Bom {
  readonly components: Component[];
  readonly [key: string]: unknown;
}

interface Validation {
  readonly JsonStrictValidator: new (version: string) => {
    readonly validate: (text: string) => Promise<unknown>;
  };
}

/** Installs the tool where that is allowed; undefined when it is here, else the reason why not. */
export async function prepareSbom({ install }: ReleaseOptions): Promise<string | undefined> {
  const problem = install ? await installTools() : undefined;
  if (hasTools()) return undefined;
  return `bills of materials: their tool is not here: ${problem ?? "npm run release -- --install fetches it (once, 66 MB)"}`;
}

/** Writes rdsiam-VERSION.cdx.json for the npm package and rdsiam-VERSION-binaries.cdx.json. */
export async function writeSboms({ out, version }: ReleaseOptions): Promise<void> {
  const file = join(out, `rdsiam-${version}.cdx.json`);
  const tool = join(TOOL_PACKAGES, ".bin/cyclonedx-esbuild");
  const options = ["--output-reproducible", "--validate", "--spec-version", SPECIFICATION];
  await withFilesOnly(async (metafile) => {
    await $({ quiet: true })`${tool} ${options} --output-file ${file} ${metafile}`;
  });
  const bom: Bom = JSON.parse(await readFile(file, "utf8"));
  bom.components.push({
    type: "platform",
    name: "bun",
    version: await bunVersion(),
    "bom-ref": "bun",
    licenses: [{ license: { id: "MIT" } }],
    purl: `pkg:npm/bun@${await bunVersion()}`,
    externalReferences: [{ type: "website", url: "https://bun.com" }],
  });
  const text = `${JSON.stringify(bom, undefined, 2)}\n`;
  const problems = await validate(text);
  if (problems !== null) throw new TypeError(`not valid CycloneDX: ${JSON.stringify(problems)}`);
  await writeFile(join(out, `rdsiam-${version}-binaries.cdx.json`), text);
}

// Modules that the build's own plugins write stand in the metafile as "PLUGIN:NAME"; they are no components.
async function withFilesOnly(use: (metafile: string) => Promise<void>): Promise<void> {
  const metafile: Metafile = JSON.parse(await readFile("build/metafile.json", "utf8"));
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const name of Object.keys(inputs)) if (/^[\w-]+:/.test(name)) delete inputs[name];
  }
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-sbom-"));
  try {
    const file = join(directory, "metafile.json");
    await writeFile(file, JSON.stringify(metafile));
    await use(file);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** What the schema of CycloneDX has against a bill of materials; null when nothing. */
export async function validate(text: string): Promise<unknown> {
  const require = createRequire(join(TOOLS, "package.json"));
  const validation: Validation = require(VALIDATION);
  return await new validation.JsonStrictValidator(SPECIFICATION).validate(text);
}
