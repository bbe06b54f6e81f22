// `rdsiam demo`: works without an AWS account and leaves no process, port or directory behind. More of it is in demo.slow.test.ts.
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { assertNothingLeft, demo, leftBehind } from "../support/demo-runs.ts";
import { without } from "../support/program.ts";

test("rdsiam demo runs psql as the IAM user", { skip: without("psql") }, async () => {
  const ran = await demo(["-Atc", "select current_user"]);
  assert.deepEqual([ran.status, ran.stdout, ran.stderr], [0, "app_ro\n", ""]);
  await assertNothingLeft();
});

test("rdsiam demo -- COMMAND has rdsiam on its PATH and prod among its targets", async () => {
  const ran = await demo(["--", "sh", "-c", "rdsiam list --names; rdsiam token prod; exit 7"]);
  assert.equal(ran.status, 7, ran.stderr);
  assert.match(ran.stdout, /^prod$/m);
  assert.match(ran.stdout, /Action=connect&/);
  await assertNothingLeft();
});

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(`rdsiam demo leaves nothing behind after ${signal}`, async () => {
    const ran = await demo(
      ["--", "sh", "-c", "echo ready; exec sleep 60 >/dev/null 2>&1"],
      (child) => {
        child.stdout?.once("data", () => child.kill(signal));
      },
    );
    if (signal === "SIGKILL") {
      assert.equal(ran.signal, "SIGKILL");
      for (const line of await leftBehind()) {
        // The command itself is the user's; it is ended here, the rest must end by itself.
        const [pid = ""] = line.split(" ");
        if (/^\d+$/.test(pid) && line.includes("sleep 60")) process.kill(Number(pid));
      }
    } else {
      assert.equal(ran.status, signal === "SIGTERM" ? 143 : 129);
    }
    await assertNothingLeft();
  });
}

test(
  "rdsiam demo runs no server as root",
  { skip: (process.getuid?.() !== 0 || process.platform !== "linux") && "not root on Linux" },
  async () => {
    const script = `for pid in $(ls /proc | grep '^[0-9]'); do
    if grep -qsa 'postgres' /proc/$pid/comm 2>/dev/null; then echo "uid $(grep ^Uid /proc/$pid/status | cut -f2)"; fi; done`;
    const ran = await demo(["--", "sh", "-c", script]);
    const uids = ran.stdout.split("\n").filter((line) => line.startsWith("uid "));
    assert.ok(uids.length > 0);
    assert.ok(!uids.includes("uid 0"));
  },
);
