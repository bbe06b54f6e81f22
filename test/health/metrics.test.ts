// The figures in Prometheus' text form, and the labels that they may have.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import fc from "fast-check";
import { RdsIamError } from "../../src/base/errors.ts";
import { createMetrics, failureCause } from "../../src/health/metrics.ts";

const BUILD = { version: "1.2.3", runtime: "node 20.19.0" };
const FIGURES = { sessions: 3, maxSessions: 100, frontendBytes: 1_000, backendBytes: 2_000 };

function samples(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

test("createMetrics() counts what happens in the proxy of each target", async () => {
  let clock = 0;
  const metrics = createMetrics(BUILD, () => clock);
  const orders = metrics.add({ target: "orders", figures: () => FIGURES });
  metrics.add({ target: "users", figures: () => ({ ...FIGURES, sessions: 0 }) });
  orders.tokenSigned();
  orders.note({ kind: "login", milliseconds: 40 });
  orders.note({ kind: "login", milliseconds: 700 });
  orders.note({ kind: "refused", error: { sqlState: "28000" }, cause: undefined });
  const cause = new RdsIamError("x", { code: "ERR_CREDENTIALS" });
  orders.note({ kind: "refused", error: { sqlState: "08001" }, cause });
  orders.note({ kind: "unauthenticated" });
  orders.note({ kind: "cancel", found: true });
  orders.note({ kind: "cancel", found: false });
  orders.note({ kind: "closed" });
  clock = 90_000;
  const found = samples(await metrics.text());
  for (const line of [
    'rdsiam_logins_total{target="orders"} 2',
    'rdsiam_logins_total{target="users"} 0',
    'rdsiam_login_failures_total{target="orders",cause="28000"} 1',
    'rdsiam_login_failures_total{target="orders",cause="ERR_CREDENTIALS"} 1',
    'rdsiam_strangers_refused_total{target="orders"} 1',
    'rdsiam_cancel_requests_total{target="orders",result="forwarded"} 1',
    'rdsiam_cancel_requests_total{target="orders",result="unknown_key"} 1',
    'rdsiam_cancel_requests_total{target="orders",result="failed"} 0',
    'rdsiam_login_duration_seconds_bucket{le="0.05",target="orders"} 1',
    'rdsiam_login_duration_seconds_bucket{le="1",target="orders"} 2',
    'rdsiam_login_duration_seconds_count{target="users"} 0',
    'rdsiam_sessions{target="orders"} 3',
    'rdsiam_sessions_max{target="users"} 100',
    'rdsiam_frontend_bytes_total{target="orders"} 1000',
    'rdsiam_backend_bytes_total{target="orders"} 2000',
    'rdsiam_auth_token_age_seconds{target="orders"} 90',
    'rdsiam_build_info{version="1.2.3",runtime="node 20.19.0"} 1',
  ])
    assert.ok(found.includes(line), `${line} in:\n${found.join("\n")}`);
  assert.ok(!found.some((line) => line.startsWith('rdsiam_auth_token_age_seconds{target="users"')));
  // Asked again, nothing is counted twice.
  assert.deepEqual(samples(await metrics.text()), found);
});

test("createMetrics() has the figures that docs/services.md lists, and no others", async () => {
  const text = await createMetrics(BUILD).text();
  const figures = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
  const document = await readFile("docs/services.md", "utf8");
  const listed = new Set(document.match(/(?<=`)rdsiam_\w+(?=`)/g));
  assert.deepEqual(new Set(figures), listed);
});

test("failureCause() tells rdsiam's own codes from what the backend said", () => {
  assert.equal(failureCause("28000", undefined), "28000");
  assert.equal(failureCause("57P02", undefined), "57xxx");
  assert.equal(failureCause("P0001", undefined), "other");
  assert.equal(failureCause("08001", new RdsIamError("x", { code: "ERR_TLS" })), "ERR_TLS");
  assert.equal(failureCause("XX000", new TypeError("x")), "ERR_INTERNAL");
});

test("failureCause() answers one of a few words, whatever the backend wrote", () => {
  const word =
    /^(?:28000|28P01|3D000|42501|53300|57P0[13]|(?:08|0A|22|28|42|5[34578]|XX)xxx|other)$/;
  const sqlState = fc.oneof(fc.string(), fc.stringMatching(/^[0-9A-Z]{5}$/));
  fc.assert(fc.property(sqlState, (state) => assert.match(failureCause(state, undefined), word)));
});
