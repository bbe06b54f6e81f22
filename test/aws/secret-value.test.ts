// What a secret of Secrets Manager gives, and the sentence for each reason why it gives nothing.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { AwsCaller } from "../../src/aws/rds-client.ts";
import { regionOfSecret, secretValue } from "../../src/aws/secret-value.ts";
import { RdsIamError } from "../../src/base/errors.ts";
import { KeyStore } from "../../src/demo/keys.ts";
import {
  type SecretsApi,
  type StandInSecret,
  startSecretsApi,
} from "../../src/demo/secrets-api.ts";

const ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf";
const keys = new KeyStore();
const key = keys.createStaticKey({ arn: "arn:aws:iam::123456789012:user/jane" });
let api: SecretsApi;
before(async () => {
  api = await startSecretsApi({ keys, region: "eu-west-1", secrets: new Map() });
});
after(() => api[Symbol.asyncDispose]());

function read(id: string, secret: Partial<StandInSecret> = {}, region = "eu-west-1") {
  api.secrets.set(ARN, { name: "db", text: "", ...secret });
  const env = { AWS_ENDPOINT_URL_SECRETS_MANAGER: api.endpoint };
  const credentials = async () => ({ ...key, source: "the test" });
  const caller: AwsCaller = { credentials, region, calls: { env }, profile: undefined };
  return secretValue(id, caller);
}

async function failure(id: string, secret: Partial<StandInSecret>, region?: string) {
  const error: unknown = await read(id, secret, region).then(
    () => undefined,
    (thrown) => thrown,
  );
  assert.ok(error instanceof RdsIamError, String(error));
  return error;
}

test("secretValue() + JSON by ARN or name, the port as a number or a text, and a password alone", async () => {
  const json = {
    username: "app",
    password: " p\u00e4ss ",
    host: "db.example.com",
    dbname: "orders",
  };
  const all = { ...json, port: 5433 };
  assert.deepEqual(await read(ARN, { text: JSON.stringify({ ...all, engine: "postgres" }) }), all);
  assert.deepEqual(await read("db", { text: JSON.stringify({ ...json, port: "5433" }) }), all);
  const { port, dbname } = await read("db", { text: '{"password":"x","port":"none","dbname":""}' });
  assert.deepEqual([port, dbname], [undefined, undefined]);
  assert.deepEqual(await read("db", { text: "hunter2\n" }), { password: "hunter2" });
  assert.deepEqual(api.calls.slice(0, 2), [`eu-west-1 ${ARN}`, "eu-west-1 db"]);
  assert.deepEqual([regionOfSecret(ARN), regionOfSecret("db")], ["eu-west-1", undefined]);
});

test("secretValue() + each reason has its sentence and its remedy", async () => {
  const arn = "arn:aws:iam::123456789012:user/jane";
  const cases: readonly (readonly [Partial<StandInSecret>, string, RegExp, RegExp])[] = [
    [
      { fault: "denied" },
      "not allowed to call secretsmanager:GetSecretValue on db in eu-west-1",
      new RegExp(`^AWS says: User: ${arn} is not authorized`),
      /^Allow secretsmanager:GetSecretValue on db in the identity's policy/,
    ],
    [{ fault: "kms" }, "AWS KMS refused to decrypt the secret db", /KMS/, /^Allow kms:Decrypt /],
    [
      { fault: "deleted" },
      "the secret db is about to be deleted",
      /marked for deletion/,
      /restore-secret --secret-id 'db' --region eu-west-1/,
    ],
    [
      { fault: "binary" },
      "the secret db does not contain a database password",
      /^It is binary/,
      /JSON/,
    ],
  ];
  for (const [secret, message, detail, hint] of cases) {
    const error = await failure("db", secret);
    assert.equal(error.message, message);
    assert.match(error.detail ?? "", detail);
    assert.match(error.hint ?? "", hint);
  }
  const absent = await failure("other", {});
  assert.equal(absent.message, "there is no secret other in eu-west-1");
  assert.match(absent.hint ?? "", /in another Region, use its ARN/);
  const elsewhere = await failure(ARN, {}, "eu-central-1");
  assert.equal(elsewhere.message, `there is no secret ${ARN} in eu-central-1`);
});

test("secretValue() + a text without a password is refused, and no part of it is shown", async () => {
  const texts = [
    [
      '{"username":"app","apiKey":"hunter2hunter2"}',
      /^Its JSON has no password; its keys are: username, apiKey\.$/,
    ],
    ['{"password":"hunter2hunter2"', /^It is not valid JSON\.$/],
    ['{"password":""}', /has no password/],
    ["hunter2hunter2\nhunter2hunter2", /line break/],
  ] as const;
  for (const [text, detail] of texts) {
    const error = await failure("db", { text });
    assert.match(error.detail ?? "", detail);
    assert.ok(
      !JSON.stringify([error.message, error.detail, error.hint, String(error.cause)]).includes(
        "hunter2",
      ),
    );
  }
});
