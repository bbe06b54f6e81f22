import assert from "node:assert/strict";
import { test } from "node:test";
import { type Finding, ok, runSteps, skip } from "../../src/doctor/finding.ts";
import { findingLines, summaryLine } from "../../src/doctor/text.ts";
import { RdsIamError } from "../../src/base/errors.ts";

const plain = (_status: string, text: string): string => text;

test("runSteps() goes on after a step that threw, and tells each finding at once", async () => {
  const told: string[] = [];
  const error = new RdsIamError("no such host", {
    code: "ERR_DNS",
    detail: "It is gone.",
    hint: "Look again.",
  });
  const findings = await runSteps(
    [
      { name: "dns", run: () => Promise.reject(error) },
      { name: "tls", run: () => skip(`after ${told.join()}`) },
      {
        name: "clock",
        run: () => {
          throw new TypeError("a defect");
        },
      },
    ],
    ({ step }) => void told.push(step),
  );
  assert.deepEqual(findings, [
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

test("findingLines() lets nobody else's text move the cursor", () => {
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
