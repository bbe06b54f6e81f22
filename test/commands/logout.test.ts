// Logging out of IAM Identity Center: all logins at once, here and at AWS.
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { runLogout } from "../../src/commands/logout.ts";
import { type CommandRun, runCommand } from "../support/in-process.ts";
import { keepLogin, type SsoStage, startSsoStage } from "../support/sso-stage.ts";

const logout = ({ env }: SsoStage): Promise<CommandRun> =>
  runCommand(runLogout, ["logout"], { env });

/** Keeps two logins, beside the registration of a client and what the AWS CLI has of a login and of a role. */
async function keepFiles({ cacheDirectory, home, sso }: SsoStage): Promise<void> {
  for (const session of ["corp", "other"]) await keepLogin(cacheDirectory, sso, { session });
  const registration = { clientId: "a", clientSecret: "b", expiresAt: "2036-01-01T00:00:00Z" };
  await writeFile(join(cacheDirectory, "registration.json"), JSON.stringify(registration));
  await writeFile(join(cacheDirectory, "broken.json"), "{");
  const cli = join(home.directory, ".aws", "cli", "cache");
  await mkdir(cli, { recursive: true });
  await writeFile(join(cli, "of-login.json"), JSON.stringify({ ProviderType: "sso" }));
  await writeFile(join(cli, "of-role.json"), JSON.stringify({ ProviderType: "assume-role" }));
}

test("runLogout() ends each login here and at AWS, and keeps registrations and roles", async () => {
  await using stage = await startSsoStage();
  const { cacheDirectory, home, sso } = stage;
  await keepFiles(stage);
  const { status, stderr } = await logout(stage);
  assert.deepEqual([status, stderr], [0, "rdsiam: 2 logins ended\n"]);
  assert.deepEqual([sso.count("Logout"), sso.oidc.accessTokens.size], [2, 0]);
  assert.deepEqual((await readdir(cacheDirectory)).toSorted(), [
    "broken.json",
    "registration.json",
  ]);
  assert.deepEqual(await readdir(join(home.directory, ".aws", "cli", "cache")), ["of-role.json"]);
  assert.equal((await logout(stage)).stderr, "rdsiam: there was no login to end\n");
});

test("runLogout() removes what AWS has ended already, and warns where AWS cannot be told", async () => {
  await using stage = await startSsoStage();
  const { cacheDirectory, sso } = stage;
  await keepLogin(cacheDirectory, sso, { session: "corp", left: -60 });
  assert.equal((await logout(stage)).stderr, "rdsiam: 1 login ended\n");
  const token = await keepLogin(cacheDirectory, sso, { session: "corp" });
  sso.behavior.failures.set("Logout", Array(2).fill("TooManyRequestsException"));
  const { status, stderr } = await logout(stage);
  assert.match(stderr, /warning: could not end the login to https:\S+ at AWS: [^]*1 login ended/);
  assert.deepEqual([status, await readdir(cacheDirectory)], [0, []]);
  assert.ok(!stderr.includes(token));
});

test("runLogout() ends what it can read, and fails where a file may be one more login", async () => {
  await using stage = await startSsoStage();
  const { cacheDirectory, sso } = stage;
  await keepLogin(cacheDirectory, sso, { session: "corp" });
  // Root can read every file, and no directory as one.
  await mkdir(join(cacheDirectory, "other.json"));
  await assert.rejects(logout(stage), {
    code: "ERR_CONFIG",
    message: `${join(cacheDirectory, "other.json")} cannot be read, so its login may still be valid`,
    detail: "The system's error: EISDIR.",
  });
  assert.deepEqual([sso.count("Logout"), await readdir(cacheDirectory)], [1, ["other.json"]]);
});

test("runLogout() takes no profile and no target, as it ends all logins", async () => {
  await using stage = await startSsoStage();
  const { cacheDirectory, env, sso } = stage;
  const token = await keepLogin(cacheDirectory, sso, { session: "corp" });
  for (const [words, wanted] of [
    [["logout", "--profile", "sso"], /unknown option --profile/],
    [["logout", "sso"], /unexpected argument "sso"/],
  ] as const)
    await assert.rejects(async () => runCommand(runLogout, words, { env }), wanted);
  const [name = ""] = await readdir(cacheDirectory);
  assert.ok((await readFile(join(cacheDirectory, name), "utf8")).includes(token));
  assert.equal(sso.calls.length, 0);
});
