// A tool shares its streams with rdsiam: whatever a library looks at, they must stay as they are, or its writes fail.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { transformSync } from "esbuild";

// As in the bundle, a CommonJS module: an ES module's import of node:process makes both streams at once, and tsx does too.
const SOURCE = readFileSync("src/runtime/own-streams.ts", "utf8");

// Once Node's own modules have looked at process.stdout and process.stderr, the flags of both descriptors, in octal.
const PROGRAM = `${transformSync(SOURCE, { loader: "ts", format: "cjs" }).code}
const { readFileSync } = require("node:fs");
const { connect, createServer } = require("node:net");
const { PassThrough, Readable } = require("node:stream");
module.exports.settleStreams();
Readable.from(["x"]).pipe(new PassThrough());
const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1", () => {
  connect(server.address().port, "127.0.0.1").on("error", () => {}).on("close", () => {
    server.close();
    const flags = [1, 2].map((fd) => /flags:\\s*(\\d+)/.exec(readFileSync("/proc/self/fdinfo/" + fd, "utf8"))[1]);
    console.log(flags.join(" "));
    process.stderr.write("told\\n");
  });
});
`;

const skip = !existsSync("/proc/self/fdinfo") && "needs Linux's /proc";

test(
  "settleStreams() keeps a shared pipe blocking, and what is written still arrives",
  { skip },
  async () => {
    const child = spawn(process.execPath, ["-e", PROGRAM], { stdio: ["ignore", "pipe", "pipe"] });
    let [out, error] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (out += String(chunk)));
    child.stderr.on("data", (chunk: Buffer) => (error += String(chunk)));
    await once(child, "close");
    const flags = out
      .trim()
      .split(" ")
      .map((octal) => Number.parseInt(octal, 8));
    const O_NONBLOCK = 0o4000;
    assert.deepEqual(
      flags.map((flag) => flag & O_NONBLOCK),
      [0, 0],
      error,
    );
    assert.match(error, /told/);
  },
);
