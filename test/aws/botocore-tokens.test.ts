// Auth tokens equal to botocore's, the library under the AWS CLI: botocore-tokens.json, made by make-botocore-tokens.py.
// The two put the parameters in another order (both sort them before signing), so that tokens are compared by parameters.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { authTokenSigner } from "../../src/aws/auth-token.ts";
import { cleanProcessEnvironment } from "../support/fake-sts.ts";

cleanProcessEnvironment();

interface Case {
  readonly service: "dsql" | "rds";
  readonly host: string;
  readonly port: number;
  readonly region: string;
  readonly user: string;
  readonly sessionToken: string | null;
  readonly now: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly token: string;
}

const file = new URL("botocore-tokens.json", import.meta.url);
const { cases }: { readonly cases: readonly Case[] } = JSON.parse(readFileSync(file, "utf8"));

// Before the clock is mocked: loading takes time.
await import("@aws-sdk/rds-signer");
await import("../../src/aws/presign.ts");

function parts(token: string) {
  const [place, query = ""] = token.split("/?");
  return { place, parameters: new Map(new URLSearchParams(query)) };
}

test("there are at least 40 tokens of botocore's, half of them with a session token", () => {
  assert.ok(cases.length >= 40, String(cases.length));
  assert.ok(cases.filter(({ sessionToken }) => sessionToken !== null).length >= 20);
  assert.equal(cases.filter(({ service }) => service === "dsql").length, 20);
});

for (const [index, each] of cases.entries()) {
  const { service, host, port, region, user, sessionToken, now } = each;
  const isDsql = service === "dsql";
  const session = sessionToken === null ? "" : `, a session token of ${sessionToken.length}`;
  test(`authTokenSigner() signs as botocore does: ${index} ${user} on ${host}:${port}${session}`, async (context) => {
    context.mock.timers.enable({ apis: ["Date"], now: Date.parse(now) });
    const { accessKeyId, secretAccessKey } = each;
    const keys = { accessKeyId, secretAccessKey, source: "botocore's" };
    const identity = sessionToken === null ? keys : { ...keys, sessionToken };
    // As a user might write it; botocore was given the canonical form.
    const typed = index % 2 === 0 ? host : `${host.toUpperCase()}.`;
    const { token } = await authTokenSigner({ host: typed, port, region, isDsql })(user, identity);
    assert.deepEqual(parts(token), parts(each.token));
    assert.equal(token.length, each.token.length);
  });
}
