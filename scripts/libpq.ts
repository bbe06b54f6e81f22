// Installs every supported version of libpq on demand, from npm packages that carry a whole PostgreSQL server.
// A version is loaded into this machine's psql through LD_LIBRARY_PATH: a directory that holds links to it alone, because
// the package's other libraries (zlib, ICU) are older than what psql was built with.

import { mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { installTools, TOOL_PACKAGES } from "./tools.ts";

/** One version of libpq. */
export interface Libpq {
  /** The major version: "12". */
  readonly version: string;
  /** The library file itself. */
  readonly file: string;
  /** What LD_LIBRARY_PATH must be. */
  readonly directory: string;
}

const VERSIONS = ["12", "13", "14", "15", "16", "17", "18"];
const LINKED = /^(libpq\.so\.5\.\d+|libssl\.so\..+|libcrypto\.so\..+)$/;

/** The versions for this platform, linked in a directory that the caller removes; none where npm has none. */
export async function linkLibpqs(directory: string): Promise<readonly Libpq[]> {
  if (process.platform !== "linux" || process.arch !== "x64") return [];
  const problem = await installTools({ libpq: true });
  if (problem !== undefined) throw new Error(problem);
  return await Promise.all(VERSIONS.map((version) => link(version, directory)));
}

function libraryDirectory(version: string): string {
  return join(TOOL_PACKAGES, `libpq${version}`, "native", "lib");
}

// The library finds its own libssl beside itself ($ORIGIN), which is beside the link that was opened.
async function link(version: string, parent: string): Promise<Libpq> {
  const source = libraryDirectory(version);
  const directory = join(parent, `libpq${version}`);
  await mkdir(directory);
  let file = "";
  for (const name of await readdir(source)) {
    if (!LINKED.test(name)) continue;
    const isLibpq = name.startsWith("libpq.");
    if (isLibpq) file = join(source, name);
    await symlink(join(source, name), join(directory, isLibpq ? "libpq.so.5" : name));
  }
  return { version, file, directory };
}
