// Archives whose bytes depend on their content alone: names in one order, no owner, and the time stamp that npm pack uses too.
// https://www.gnu.org/software/tar/manual/html_section/Reproducibility.html
// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { crc32, deflateRawSync } from "node:zlib";
import { $, which } from "zx";

const TIME = "1985-10-26T08:15:00Z";

/** Packs a directory's content as DIRECTORY's last name into a gzipped tar file, or a zip file where it is to be one. */
export async function pack(archive: string, parent: string, name: string): Promise<void> {
  if (archive.endsWith(".zip")) return packZip(archive, parent, name);
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

// 1985-10-26 08:15:00, as MS-DOS has it: there is no zone, and what unpacks takes it for its own.
const DOS_TIME = (8 << 11) | (15 << 5);
const DOS_DATE = ((1985 - 1980) << 9) | (10 << 5) | 26;
const UTF8_NAMES = 0x0800;
const DEFLATED = 8;
const NEEDED = 20; // version 2.0
const ON_UNIX = (3 << 8) | NEEDED;

async function packZip(archive: string, parent: string, directory: string): Promise<void> {
  const names = await readdir(join(parent, directory), { recursive: true, withFileTypes: true });
  const files = names
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const [parts, listed]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const file of files.toSorted()) {
    const name = Buffer.from(file.slice(parent.length + 1));
    const content = await readFile(file);
    const packed = deflateRawSync(content, { level: 9 });
    const common = Buffer.alloc(26);
    common.writeUInt16LE(NEEDED, 0);
    common.writeUInt16LE(UTF8_NAMES, 2);
    common.writeUInt16LE(DEFLATED, 4);
    common.writeUInt16LE(DOS_TIME, 6);
    common.writeUInt16LE(DOS_DATE, 8);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = [Buffer.from("PK\x03\x04", "latin1"), common, name, packed];
    const rest = Buffer.alloc(14);
    const mode = file.endsWith(".exe") ? 0o100755 : 0o100644;
    rest.writeUInt32LE(mode * 0x10000, 6);
    rest.writeUInt32LE(offset, 10);
    const made = Buffer.alloc(2);
    made.writeUInt16LE(ON_UNIX, 0);
    listed.push(Buffer.from("PK\x01\x02", "latin1"), made, common, rest, name);
    parts.push(...local);
    offset += 4 + common.length + name.length + packed.length;
  }
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(Buffer.concat(listed).length, 8);
  end.writeUInt32LE(offset, 12);
  const last = [Buffer.from("PK\x05\x06", "latin1"), end];
  await writeFile(archive, Buffer.concat([...parts, ...listed, ...last]));
}
