// The samples for systemd and launchd: read by the systems' own readers, their command lines by rdsiam itself.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readArguments } from "../../src/cli/arguments.ts";
import { COMMANDS } from "../../src/commands/command-table.ts";
import { without } from "../support/program.ts";

const UNIT = "packaging/systemd/rdsiam-proxy@.service";
const AGENT = "packaging/launchd/rdsiam.proxy.plist";
const READ_PLIST =
  "import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))";

function checkCommandLine(words: readonly string[]): void {
  const [command, ...args] = words;
  assert.match(command ?? "", /(?:^|\/)rdsiam$/);
  const invocation = readArguments(args, COMMANDS);
  assert.equal(invocation.command?.name, "proxy");
  assert.equal(invocation.options.logFormat, "json");
  assert.match(invocation.options.passwordFile ?? "", /\/(?:orders\.)?password$/);
}

test("systemd takes the unit", { skip: without("systemd-analyze") }, () => {
  const directory = mkdtempSync(join(tmpdir(), "rdsiam-unit-"));
  const file = join(directory, "rdsiam-proxy@orders.service");
  copyFileSync(UNIT, file);
  const found = spawnSync("systemd-analyze", ["verify", "--man=no", file], { encoding: "utf8" });
  rmSync(directory, { recursive: true });
  assert.equal(found.stderr, "");
  assert.equal(found.status, 0);
});

test("the unit's command line is one of rdsiam's", () => {
  const [, start = ""] = /^ExecStart=\/usr\/bin\/env (.*)$/m.exec(readFileSync(UNIT, "utf8")) ?? [];
  checkCommandLine(start.split(" "));
});

test(
  "the launch agent is a property list whose command line is one of rdsiam's",
  {
    skip: without("python3"),
  },
  () => {
    const input = readFileSync(AGENT);
    const read = spawnSync("python3", ["-c", READ_PLIST], { input, encoding: "utf8" });
    assert.equal(read.stderr, "");
    const agent = JSON.parse(read.stdout) as { Label: string; ProgramArguments: string[] };
    assert.equal(agent.Label, "rdsiam.proxy.orders");
    checkCommandLine(agent.ProgramArguments);
  },
);
