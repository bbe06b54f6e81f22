// What `rdsiam login` does for profiles that do not log in with IAM Identity Center. The logins themselves: test/e2e/sso*.test.ts.
import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { runLogin } from "../../src/commands/login.ts";
import { runCommand } from "../support/in-process.ts";
import { COMMAND } from "../support/program.ts";
import { openTerminal } from "../support/pty.ts";
import { temporaryDirectory } from "../support/keep.ts";

const CONFIG = `[profile console]
login_session = arn:aws:iam::123456789012:user/jane
region = eu-west-1
[profile above]
role_arn = arn:aws:iam::123456789012:role/reader
source_profile = console
[profile keys]
aws_access_key_id = AKIAEXAMPLE
aws_secret_access_key = secret
`;
// It shows its arguments and reads an answer, both on the terminal.
const AWS = `#!/bin/sh
[ -t 0 ] && [ -t 1 ] && [ -t 2 ] || exit 9
echo "aws $* in $HOME"
read -r answer
echo "read $answer"
exit 7
`;

const home = await temporaryDirectory("login");
await mkdir(join(home, "bin"));
await writeFile(join(home, "config"), CONFIG);
await writeFile(join(home, "bin", "aws"), AWS);
await chmod(join(home, "bin", "aws"), 0o755);
const env = { HOME: home, AWS_CONFIG_FILE: join(home, "config"), PATH: join(home, "nothing") };

test("runLogin() + login_session runs aws login on the terminal, with its exit status", async () => {
  const path = `${join(home, "bin")}:${process.env["PATH"]}`;
  const words = [...COMMAND, "login", "--profile", "above", "--device-code"];
  await using terminal = openTerminal(words, { ...env, PATH: path });
  const shown = await terminal.shows(/aws .* in \S+/);
  assert.equal(shown, `aws login --profile console --remote in ${home}`);
  terminal.type("a code\r");
  await terminal.shows(/read a code/);
  assert.equal((await terminal.exited).exitCode, 7);
});

test("runLogin() names the command where there is no aws, and what logs in where a profile does not", async () => {
  const errorOf = async (...args: readonly string[]): Promise<string> => {
    const error: unknown = await runCommand(runLogin, ["login", ...args], { env }).then(
      () => assert.fail("it did not fail"),
      (reason: unknown) => reason,
    );
    const { message, detail, hint } = error as Readonly<Record<string, string>>;
    return [message, detail, hint].join("\n");
  };
  assert.match(
    await errorOf("--profile", "console"),
    /profile "console" uses "aws login", and there is no AWS CLI here[^]*then run: aws login --profile console$/,
  );
  assert.match(
    await errorOf("--profile", "console", "--no-input"),
    /^rdsiam login does not work with --no-input/,
  );
  assert.match(
    await errorOf("--profile", "keys"),
    /profile "keys" does not log in with IAM Identity Center\nThese profiles do: console\.\n.*rdsiam login --profile console$/,
  );
});
