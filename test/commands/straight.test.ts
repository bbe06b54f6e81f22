// What url, env and token --check print and refuse, without a database: STS and a home directory are all there is.
import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { runEnv } from "../../src/commands/env.ts";
import { runToken } from "../../src/commands/token.ts";
import { runUrl } from "../../src/commands/url.ts";
import { RdsIamError } from "../../src/base/errors.ts";
import { RDS_HOST, startIdentityStage } from "../support/identity-stage.ts";
import { appendProfile } from "../../src/demo/home.ts";
import { runCommand } from "../support/in-process.ts";
import { keep } from "../support/keep.ts";

const WHERE = ["--host", RDS_HOST, "-U", "app"];
const ARN = "arn:aws:iam::123456789012:user/demo";

const stage = await keep(startIdentityStage());
await appendProfile(stage.home, "demo", {}, stage.keys.createStaticKey({ arn: ARN }));

async function url(args: readonly string[]): Promise<{ url: URL; stderr: string }> {
  const words = ["url", "--profile", "demo", ...WHERE, ...args];
  const { stdout, stderr } = await runCommand(runUrl, words, { env: stage.env });
  return { url: new URL(stdout), stderr };
}

test("url names a file with the built-in roots, and dials an endpoint by its own name", async () => {
  const { url: found } = await url([]);
  assert.equal(found.host, `${RDS_HOST}:5432`);
  assert.equal(found.searchParams.get("hostaddr"), null);
  const file = found.searchParams.get("sslrootcert") ?? "";
  assert.ok(file.startsWith(join(stage.home.directory, ".local", "share", "rdsiam")), file);
  assert.match(await readFile(file, "utf8"), /^-----BEGIN CERTIFICATE-----[^]*-----END CERT/);
  // oxlint-disable-next-line no-bitwise -- permissions are a bit set
  assert.equal((await stat(file)).mode & 0o022, 0);
  const { url: system } = await url(["--sslrootcert", "system"]);
  assert.notEqual(system.searchParams.get("sslrootcert"), file);
  const { url: given } = await url(["--sslrootcert", file]);
  assert.equal(given.searchParams.get("sslrootcert"), file);
  const { url: merged } = await url(["--sslrootcert", `${file},${file}`]);
  const both = merged.searchParams.get("sslrootcert") ?? "";
  assert.equal(await readFile(both, "utf8"), await readFile(file, "utf8"));
});

test("url goes through a tunnel that is open already, and signs for the database all the same", async () => {
  const { url: found } = await url(["--via", "localhost:15432"]);
  assert.equal(found.host, `${RDS_HOST}:15432`);
  assert.match(found.searchParams.get("hostaddr") ?? "", /^(?:127\.0\.0\.1|::1)$/);
  assert.ok(decodeURIComponent(found.password).startsWith(`${RDS_HOST}:5432/?`));
});

test("url says how long it works, which is no longer than the credentials do", async () => {
  const key = stage.sessionKey("short", 300);
  const env = {
    ...stage.env,
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    AWS_SESSION_TOKEN: key.sessionToken,
    AWS_CREDENTIAL_EXPIRATION: key.expiration?.toISOString(),
  };
  const { stderr } = await runCommand(runUrl, ["url", ...WHERE], { env });
  assert.match(stderr, /^rdsiam: valid for new connections until \S+Z \(5 min\)/);
  const quiet = await runCommand(runUrl, ["url", "-q", ...WHERE], { env });
  assert.equal(quiet.stderr, "");
});

test("url and env refuse a way that must be held open, with what to run instead", async () => {
  for (const [name, command] of [
    ["url", runUrl],
    ["env", runEnv],
  ] as const) {
    const words = [name, "--profile", "demo", ...WHERE, "--via", "ssh://bastion"];
    await assert.rejects(
      runCommand(command, words, { env: stage.env }),
      (error) =>
        error instanceof RdsIamError &&
        error.code === "ERR_VIA" &&
        /ssh to bastion/.test(error.detail ?? "") &&
        /rdsiam proxy/.test(error.hint ?? ""),
    );
  }
});

test("env takes away what is in the way, and PGHOSTADDR where none is needed", async () => {
  const env = { ...stage.env, PGHOSTADDR: "10.0.0.1", PGSERVICE: "x", PGCHANNELBINDING: "require" };
  const words = ["env", "--profile", "demo", "--shell", "fish", ...WHERE];
  const { stdout } = await runCommand(runEnv, words, { env });
  const lines = stdout.split("\n");
  for (const name of ["PGHOSTADDR", "PGSERVICE", "PGCHANNELBINDING"]) {
    assert.ok(lines.includes(`set -e ${name}`), stdout);
  }
  assert.ok(lines.includes(`set -gx PGHOST '${RDS_HOST}'`), stdout);
});

test("env takes away what is set and empty too: libpq looks for a service with no name", async () => {
  const env = { ...stage.env, PGSERVICE: "", PGCHANNELBINDING: "", PGSSLCERTMODE: "require" };
  const words = ["env", "--profile", "demo", "--shell", "sh", ...WHERE];
  const { stdout } = await runCommand(runEnv, words, { env });
  const unset = stdout.split("\n").filter((line) => line.startsWith("unset "));
  assert.deepEqual(unset, ["unset PGSERVICE", "unset PGCHANNELBINDING", "unset PGSSLCERTMODE"]);
});

test("env --unset asks nobody anything", async () => {
  const { stdout } = await runCommand(runEnv, ["env", "--unset"], { env: {} });
  assert.match(stdout, /^unset PGHOST\n/);
  assert.match(stdout, /^unset PGPASSWORD$/m);
});

test("token --check says first whose it will be, and signs nothing for a dead key", async () => {
  const words = ["token", "--check", "--profile", "demo", ...WHERE];
  const { stdout, stderr } = await runCommand(runToken, words, { env: stage.env });
  assert.match(stdout, /X-Amz-Signature=/);
  assert.ok(stderr.startsWith(`rdsiam: signed by ${ARN} (account 123456789012), profile "demo"`));
  const key = stage.keys.createStaticKey({ arn: ARN });
  stage.keys.delete(key.accessKeyId);
  await appendProfile(stage.home, "former", {}, key);
  await assert.rejects(
    runCommand(runToken, ["token", "--check", "--profile", "former", ...WHERE], { env: stage.env }),
    (error) =>
      error instanceof RdsIamError &&
      /security token .* is invalid/.test(error.detail ?? "") &&
      !JSON.stringify(error).includes(key.secretAccessKey),
  );
});
