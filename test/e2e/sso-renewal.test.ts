// A login that is over has a refresh token, which works once: it is used before anybody is asked, and once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { rdsiam } from "../support/program.ts";
import { keepLogin, startSsoStage } from "../support/sso-stage.ts";

test("SSO: two runs at once with one refresh token, which works once, renew it once", async () => {
  await using stage = await startSsoStage();
  await keepLogin(stage.cacheDirectory, stage.sso, { session: "corp", left: -60, renews: true });
  const runs = await Promise.all(Array.from({ length: 2 }, () => rdsiam(["token", "sso"], stage)));
  for (const { status, stderr } of runs) assert.equal(status, 0, stderr);
  const created = stage.sso.calls.filter(({ action }) => action === "CreateToken");
  assert.deepEqual(created, [{ action: "CreateToken", status: 200 }]);
});
