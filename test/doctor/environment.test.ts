import assert from "node:assert/strict";
import { test } from "node:test";
import { environmentNotes } from "../../src/doctor/environment.ts";

const known = ["RDSIAM_USER", "RDSIAM_HOST", "RDSIAM_CONFIG_FILE", "RDSIAM_VERBOSE"];
const notes = (env: Record<string, string>, profile?: string): readonly string[] =>
  environmentNotes({ env, known, profile, settled: true });

test("environmentNotes() has nothing to say about an ordinary environment", () => {
  assert.deepEqual(notes({ PATH: "/bin", HOME: "/home/ada", PGTZ: "UTC", PAGER: "less" }), []);
});

test("environmentNotes() tells which of keys and profile counts", () => {
  const keys = { AWS_ACCESS_KEY_ID: "AKIA0000", AWS_SECRET_ACCESS_KEY: "hidden" };
  assert.deepEqual(notes({ ...keys, AWS_PROFILE: "corp" }), [
    "AWS_ACCESS_KEY_ID wins over AWS_PROFILE=corp, as in the AWS CLI",
  ]);
  assert.deepEqual(notes(keys, "prod"), [
    'AWS_ACCESS_KEY_ID: not used; profile "prod" is the target\'s or was named',
  ]);
  assert.deepEqual(notes({ AWS_DEFAULT_PROFILE: "old", AWS_PROFILE: "prod" }, "prod"), [
    'AWS_DEFAULT_PROFILE=old: not used; profile "prod" is the target\'s or was named',
  ]);
});

test("environmentNotes() misses the other half of a key", () => {
  assert.deepEqual(notes({ AWS_SECRET_ACCESS_KEY: "hidden" }), [
    "AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID",
  ]);
});

test("environmentNotes() repeats no password", () => {
  const env = {
    AWS_ENDPOINT_URL: "http://ada:hunter22@proxy:1",
    PGPASSWORD: "hunter22",
    RDSIAM_HOST: "hunter22",
  };
  assert.doesNotMatch(notes(env).join("\n"), /hunter22/);
  assert.match(
    notes(env).join("\n"),
    /^AWS_ENDPOINT_URL=http:\/\/proxy:1: calls to AWS go there$/m,
  );
});

test("environmentNotes() names each variable that sends calls elsewhere", () => {
  const env = {
    AWS_ENDPOINT_URL_REDSHIFT_SERVERLESS: "http://a:1",
    AWS_ENDPOINT_URL_S3: "http://b:1",
  };
  assert.deepEqual(notes(env), [
    "AWS_ENDPOINT_URL_REDSHIFT_SERVERLESS=http://a:1: calls to AWS go there",
  ]);
});

test("environmentNotes() knows Kubernetes' variables of a Service (A29)", () => {
  const service = { RDSIAM_PORT: "tcp://10.0.171.239:5432", RDSIAM_SERVICE_HOST: "10.0.171.239" };
  assert.deepEqual(notes({ ...service, RDSIAM_HEALTH_PORT_9090_UDP_ADDR: "10.0.171.240" }), [
    "RDSIAM_HEALTH_PORT_9090_UDP_ADDR, RDSIAM_PORT, RDSIAM_SERVICE_HOST: not used; Kubernetes sets it for a Service",
  ]);
});

test("environmentNotes() guesses a mistyped variable, and keeps quiet about an empty one", () => {
  assert.deepEqual(notes({ RDSIAM_HSOT: "x", RDSIAM_USER: "" }), [
    "RDSIAM_HSOT: not a variable of rdsiam; did you mean RDSIAM_HOST?",
  ]);
});
