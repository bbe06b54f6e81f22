import assert from "node:assert/strict";
import { test } from "node:test";
import { type Finding, ok, skip, Steps } from "../../src/doctor/finding.ts";
import { findingLines, summaryLine } from "../../src/doctor/text.ts";
import { RdsIamError } from "../../src/base/errors.ts";

const plain = (_status: string, text: string): string => text;

test("Steps.run() goes on after a step that threw, and reports each finding at once", async () => {
  const reported: string[] = [];
  const error = new RdsIamError("no such host", {
    code: "ERR_DNS",
    detail: "It is gone.",
    hint: "Look again.",
  });
  const steps = new Steps(({ step }) => void reported.push(step));
  assert.equal(await steps.run("dns", {}, () => Promise.reject(error)), undefined);
  await steps.run("tls", {}, () => skip(`after ${reported.join()}`));
  await steps.run("clock", {}, () => {
    throw new TypeError("a defect");
  });
  assert.deepEqual(steps.findings, [
    {
      step: "dns",
      status: "fail",
      summary: "no such host",
      cause: "It is gone.",
      remedy: "Look again.",
    },
    { step: "tls", status: "skip", summary: "after dns" },
    {
      step: "clock",
      status: "fail",
      summary: "internal error: a defect",
      remedy: "This is a defect of rdsiam; please report it.",
    },
  ]);
});

test("Steps.run() hands a step what it needs, and skips it for the first that is missing", async () => {
  const steps = new Steps(() => {});
  const port = await steps.run("config", {}, () => ({ ...ok("read"), value: 5432 }));
  await steps.run("dns", { config: port }, (needs) => ok(`port ${needs.config + 1}`));
  await steps.run("tls", { config: port, dns: undefined, login: undefined }, () => ok("never"));
  assert.deepEqual(
    steps.findings.map(({ summary }) => summary),
    ["read", "port 5433", 'skipped: needs "dns"'],
  );
  assert.ok(steps.findings.every((finding) => !("value" in finding)));
});

test("findingLines() does not let foreign text move the cursor", () => {
  const finding: Finding = { step: "login", ...ok("a\u001b[2Jb", { notes: ["c\nd\u202ee"] }) };
  assert.deepEqual(findingLines(finding, plain), [
    "ok    login         a?[2Jb",
    "                    c?d?e",
  ]);
});

test("summaryLine() counts", () => {
  const findings: Finding[] = [
    { step: "dns", ...ok("") },
    { step: "tls", ...skip("") },
  ];
  assert.equal(summaryLine(findings), "1 ok, 0 failed, 1 skipped");
});
