// Where an MFA code comes from, without a terminal.
import assert from "node:assert/strict";
import { test } from "node:test";
import { RdsIamError } from "../../src/base/errors.ts";
import { mfaPrompt, type MfaPromptOptions } from "../../src/session/mfa-prompt.ts";
import { personWho } from "../support/run-context.ts";

const QUESTION = { serial: "device", roleArn: "role", refusal: undefined };
const REFUSAL = new RdsIamError("refused", { code: "ERR_MFA" });

/** A prompt whose person types these lines. */
function prompt(lines: readonly (string | undefined)[], over: Partial<MfaPromptOptions> = {}) {
  const { shown, terminal } = personWho(lines);
  const codes: string[] = [];
  const onCode = (code: string) => void codes.push(code);
  return {
    ask: mfaPrompt({ code: undefined, remedy: "REMEDY", terminal, onCode, ...over }),
    giveAway: terminal.giveAway,
    shown,
    codes,
  };
}

test("mfaPrompt() takes the given code once, and asks for the next device's", async () => {
  const asked = prompt(["111111"], { code: "000012" });
  assert.equal(await asked.ask(QUESTION), "000012");
  assert.deepEqual(asked.shown, []);
  assert.equal(await asked.ask(QUESTION), "111111");
  assert.deepEqual(asked.codes, ["000012", "111111"]);
});

test("mfaPrompt() does not ask a script whose code was refused", async () => {
  const asked = prompt(["111111"], { code: "000012" });
  await asked.ask(QUESTION);
  await assert.rejects(asked.ask({ ...QUESTION, refusal: REFUSAL }), REFUSAL);
  assert.deepEqual(asked.shown, []);
});

test("mfaPrompt() asks until there are six digits, three times, and not after Ctrl-D", async () => {
  assert.equal(await prompt(["", "12345", " 123 456 "]).ask(QUESTION), "123456");
  await assert.rejects(prompt(["", "x", "1234567"]).ask(QUESTION), { code: "ERR_MFA" });
  const ended = prompt([undefined, "123456"]);
  await assert.rejects(ended.ask(QUESTION), { message: "no MFA code for device was given" });
  assert.equal(ended.shown.length, 1);
});

test("mfaPrompt() does not ask once the terminal is given away", async () => {
  const asked = prompt(["123456"]);
  asked.giveAway();
  await assert.rejects(asked.ask(QUESTION), { code: "ERR_MFA", hint: /run: REMEDY, then/ });
  assert.deepEqual(asked.shown, []);
  const uncached = prompt([], { remedy: undefined });
  uncached.giveAway();
  await assert.rejects(uncached.ask(QUESTION), { hint: /start it again/ });
});
