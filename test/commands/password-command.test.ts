// A password command: where it comes from, which commands have no use for it, and what does not go with --match-user.
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { runEnv } from "../../src/commands/env.ts";
import { runPolicy } from "../../src/commands/policy.ts";
import { runProxy } from "../../src/commands/proxy.ts";
import { runToken } from "../../src/commands/token.ts";
import { runUrl } from "../../src/commands/url.ts";
import type { OptionValues } from "../../src/config/keys.ts";
import { resolveSettings } from "../../src/config/settings.ts";
import type { RdsIamError } from "../../src/base/errors.ts";
import { loadFrom } from "../support/config-fixture.ts";
import { runCommand } from "../support/in-process.ts";

const VAULT = "vault read -field=password database/creds/app";

const loaded = await loadFrom({
  config: `[profile prod]\nrds_host = db.example.com\nrds_password_command = ${VAULT}\n`,
  own: `[local]\nhost = db.example.com\npassword_command = "printf '%s' \\"$RDSIAM_USER\\""\n`,
});

function commandOf(target: string, options: OptionValues = {}, env: Record<string, string> = {}) {
  return resolveSettings({ targetName: target, options, loaded, env, home: "/" }).passwordCommand;
}

test("a password command is an option, a variable or a key, in this order, and stays as it was written", () => {
  const env = { RDSIAM_PASSWORD_COMMAND: "of the environment" };
  assert.equal(commandOf("prod"), VAULT);
  assert.equal(commandOf("local"), `printf '%s' "$RDSIAM_USER"`);
  assert.equal(commandOf("prod", {}, env), "of the environment");
  assert.equal(commandOf("prod", { passwordCommand: "'of' 'the line'" }, env), "'of' 'the line'");
  assert.equal(commandOf("prod", {}, { RDSIAM_PASSWORD_COMMAND: "" }), VAULT);
});

test("a password command that cannot be one is refused, and not shown", () => {
  assert.throws(
    () => commandOf("prod", { passwordCommand: "echo hunter2\nexit" }),
    ({ message, detail }: RdsIamError) =>
      message === "--password-command has a control character in it" && detail === undefined,
  );
  assert.throws(() => commandOf("prod", { passwordCommand: "" }), /^RdsIamError: .* is empty$/);
});

const WHERE = ["--host", "db.example.com", "--user", "app"];
const env = { HOME: "/nonexistent", PATH: process.env["PATH"], RDSIAM_PASSWORD_COMMAND: "echo x" };

for (const [name, command] of [
  ["token", runToken],
  ["url", runUrl],
  ["env", runEnv],
  ["policy", runPolicy],
] as const) {
  test(`${name}: without an auth token it has nothing to give`, async () => {
    await assert.rejects(runCommand(command, [name, ...WHERE], { env }), {
      code: "ERR_TARGET",
      message: '"db.example.com" uses a password command, so there is no auth token',
    });
  });
}

test("proxy --match-user needs a user", async () => {
  await assert.rejects(
    runCommand(runProxy, ["proxy", "--host", "db.example.com", "--match-user"], { env }),
    {
      code: "ERR_TARGET",
      message: '--match-user has no user to match for "db.example.com"',
    },
  );
});
