// Writes the types of the package's exports: one file that imports nothing but Node's own types, once for import and once for
// require(). The compiler only takes the bodies away (isolatedDeclarations), so it needs no other file and half a second.
// https://www.typescriptlang.org/docs/handbook/modules/reference.html#packagejson-exports

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

// In the order in which they stand in the one file; each may only import from those before it.
const FILES = ["base/errors", "library/public", "library"];

const VALUES = ["--types", "", "--target", "es2022", "--module", "nodenext", "--rootDir", "src"];
const FLAGS = [
  "--ignoreConfig",
  "--noResolve",
  "--noCheck",
  "--declaration",
  "--emitDeclarationOnly",
  "--isolatedDeclarations",
  "--allowImportingTsExtensions",
];

/** The text of the declarations. */
export function declarations(root: string): string {
  const directory = mkdtempSync(join(tmpdir(), "rdsiam-declarations-"));
  try {
    const sources = FILES.map((file) => `src/${file}.ts`);
    const words = [
      "node_modules/typescript/bin/tsc",
      ...FLAGS,
      ...VALUES,
      "--outDir",
      directory,
      ...sources,
    ];
    execFileSync(process.execPath, words, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
    const texts = FILES.map((file) => readFileSync(join(directory, `${file}.d.ts`), "utf8"));
    return joined(texts);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

// In a declaration file everything is exported unless one statement says what is: the last line here.
function joined(texts: readonly string[]): string {
  const entry = texts.at(-1) ?? "";
  const passedOn = [...entry.matchAll(/^export (type )?\{([^}]*)\} from "\.[^"]+";$/gm)];
  const names = passedOn.flatMap(([, type = "", list = ""]) =>
    list
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
      .map((name) => type + name),
  );
  const own = [...entry.matchAll(/^export declare (?:const|function) (\w+)/gm)];
  const bodies = texts.map((text) =>
    text
      .replaceAll(/^(?:import|export)\b[^;]* from "\.[^"]+";\n/gm, "")
      .replaceAll(/^export (?=declare|interface|type)/gm, ""),
  );
  const exported = [...names, ...own.map(([, name = ""]) => name)].toSorted();
  return `${bodies.join("")}export { ${exported.join(", ")} };\n`;
}
