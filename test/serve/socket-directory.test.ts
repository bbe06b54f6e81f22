// The directory of a unix socket: who may enter, what an earlier run has left, how long its path may be.
import assert from "node:assert/strict";
import { chmod, lchown, lstat, mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { beforeEach, test } from "node:test";
import { prepareSocket } from "../../src/serve/socket-directory.ts";
import { temporaryDirectory } from "../support/keep.ts";

let parent: string;
beforeEach(async () => {
  parent = await temporaryDirectory("sock");
});

test("prepareSocket() + makes the directory 0700, and the socket 0600 where libpq looks", async () => {
  const directory = join(parent, "a", "b");
  const place = await prepareSocket(directory, 5433);
  assert.equal(place.path, join(directory, ".s.PGSQL.5433"));
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
  const server = createServer().listen(place.path);
  await new Promise((resolve) => server.once("listening", resolve));
  await place.restrict();
  assert.equal((await stat(place.path)).mode & 0o777, 0o600);
  await new Promise((resolve) => server.close(resolve));
  await place.remove();
  await assert.rejects(lstat(place.path));
  await place.remove();
});

test("prepareSocket() + refuses a directory that others may enter", async () => {
  for (const mode of [0o701, 0o750, 0o710, 0o777]) {
    const directory = join(parent, mode.toString(8));
    await mkdir(directory);
    await chmod(directory, mode);
    await assert.rejects(prepareSocket(directory, 5432), {
      code: "ERR_USAGE",
      message: `others may enter the directory ${directory}`,
      hint: /^Name another directory, .*; or, if no one else uses this one: chmod 700 /,
    });
  }
});

// An option: a test that skips itself leaves afterEach out on Node 20.
const skip = process.geteuid?.() !== 0 && "only root can give a link to another user";

test("prepareSocket() + refuses another user's link to a directory of ours", { skip }, async () => {
  const directory = join(parent, "own");
  await mkdir(directory, { mode: 0o700 });
  await symlink(directory, join(parent, "link"));
  await prepareSocket(join(parent, "link"), 5432);
  await lchown(join(parent, "link"), 65_534, 65_534);
  await assert.rejects(prepareSocket(join(parent, "link"), 5432), { code: "ERR_USAGE" });
});

test("prepareSocket() + removes a stale socket, and refuses one that somebody listens on", async () => {
  const directory = join(parent, "s");
  const { path } = await prepareSocket(directory, 5432);
  const server = createServer().listen(path);
  await new Promise((resolve) => server.once("listening", resolve));
  await assert.rejects(prepareSocket(directory, 5432), {
    code: "ERR_CONNECT",
    detail: "Another program listens there.",
  });
  // Another port has a socket of its own.
  await prepareSocket(directory, 5433);
  // What a killed process leaves: the name of a socket that nobody listens on.
  const stale = join(directory, "stale");
  const { renameSync } = await import("node:fs");
  renameSync(path, stale);
  await new Promise((resolve) => server.close(resolve));
  renameSync(stale, path);
  assert.ok((await lstat(path)).isSocket());
  await prepareSocket(directory, 5432);
  await assert.rejects(lstat(path));
});

test("prepareSocket() + leaves a file that is not a socket", async () => {
  const directory = join(parent, "f");
  const { path } = await prepareSocket(directory, 5432);
  await writeFile(path, "mine");
  await assert.rejects(prepareSocket(directory, 5432), {
    code: "ERR_USAGE",
    message: /not a socket/,
  });
  assert.ok((await lstat(path)).isFile());
});

test("prepareSocket() + refuses a path that the system would cut", async () => {
  const name = ".s.PGSQL.5432";
  const room = (process.platform === "linux" ? 107 : 103) - name.length - 1 - parent.length - 1;
  await prepareSocket(join(parent, "x".repeat(room)), 5432);
  await assert.rejects(prepareSocket(join(parent, "x".repeat(room + 1)), 5432), {
    code: "ERR_USAGE",
    message: /too long/,
  });
  // It is bytes that count.
  await assert.rejects(prepareSocket(join(parent, "ü".repeat(room / 2 + 1)), 5432), /too long/);
});
