// Where an MFA code comes from, without a terminal.
import assert from "node:assert/strict";
import { test } from "node:test";
import { RdsIamError } from "../../src/base/errors.ts";
import { mfaPrompt, type MfaPromptOptions } from "../../src/session/mfa-prompt.ts";

const QUESTION = { serial: "device", roleArn: "role", refusal: undefined };
const REFUSAL = new RdsIamError("refused", { code: "ERR_MFA" });

/** A prompt whose person types these lines. */
function prompt(lines: readonly (string | undefined)[], over: Partial<MfaPromptOptions> = {}) {
  const typed = [...lines];
  const told: string[] = [];
  const terminal = {
    isThere: () => true,
    ask: (text: string) => {
      told.push(text);
      return Promise.resolve(typed.shift());
    },
    say: (text: string) => void told.push(text),
  };
  const codes: string[] = [];
  const onCode = (code: string) => void codes.push(code);
  return {
    ...mfaPrompt({ code: undefined, remedy: "REMEDY", terminal, onCode, ...over }),
    told,
    codes,
  };
}

test("mfaPrompt() takes the given code once, and asks for the next device's", async () => {
  const asked = prompt(["111111"], { code: "000012" });
  assert.equal(await asked.ask(QUESTION), "000012");
  assert.deepEqual(asked.told, []);
  assert.equal(await asked.ask(QUESTION), "111111");
  assert.deepEqual(asked.codes, ["000012", "111111"]);
});

test("mfaPrompt() does not ask a script whose code was refused", async () => {
  const asked = prompt(["111111"], { code: "000012" });
  await asked.ask(QUESTION);
  await assert.rejects(asked.ask({ ...QUESTION, refusal: REFUSAL }), REFUSAL);
  assert.deepEqual(asked.told, []);
});

test("mfaPrompt() asks until there are six digits, three times, and not after Ctrl-D", async () => {
  assert.equal(await prompt(["", "12345", " 123 456 "]).ask(QUESTION), "123456");
  await assert.rejects(prompt(["", "x", "1234567"]).ask(QUESTION), { code: "ERR_MFA" });
  const ended = prompt([undefined, "123456"]);
  await assert.rejects(ended.ask(QUESTION), { message: "no MFA code of device was given" });
  assert.equal(ended.told.length, 1);
});

test("mfaPrompt() asks nobody once it is closed", async () => {
  const asked = prompt(["123456"]);
  asked.close();
  await assert.rejects(asked.ask(QUESTION), { code: "ERR_MFA", hint: /run: REMEDY, then/ });
  assert.deepEqual(asked.told, []);
  const uncached = prompt([], { remedy: undefined });
  uncached.close();
  await assert.rejects(uncached.ask(QUESTION), { hint: /start it again/ });
});
