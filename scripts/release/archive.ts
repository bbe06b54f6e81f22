// Archives whose bytes depend on their content alone: names in one order, no owner, and the time stamp that npm pack uses too.
// https://www.gnu.org/software/tar/manual/html_section/Reproducibility.html

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { $, which } from "zx";

const TIME = "1985-10-26T08:15:00Z";

/** Packs a directory's content as DIRECTORY's last name into a gzipped tar file. */
export async function pack(archive: string, parent: string, name: string): Promise<void> {
  const tar = (await which("gtar", { nothrow: true })) ?? "tar";
  const version = await $({ quiet: true })`${tar} --version`;
  if (!version.stdout.includes("GNU tar")) {
    throw new TypeError("a release needs GNU tar (macOS: brew install gnu-tar)");
  }
  const options = [
    "--sort=name",
    "--format=ustar",
    `--mtime=${TIME}`,
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--mode=u+rw,go=rX",
    "--use-compress-program=gzip -n",
  ];
  await $`${tar} ${options} -C ${parent} -cf ${archive} ${name}`;
}

/** The SHA-256 of a file, in hexadecimal. */
export async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
