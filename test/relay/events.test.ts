// What happens in a relay as lines of its log and as metrics.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "../../src/base/log.ts";
import { type RelayEvent, relayLogger } from "../../src/relay/events.ts";
import { type RelayState, startRelayHealth } from "../../src/relay/health.ts";

const SESSION = {
  peer: "10.0.0.9:50000",
  caller: { arn: "arn:aws:iam::123456789012:user/bob", certificate: ["CN:laptop"] },
  rule: "all",
  target: {
    name: "orders",
    host: "orders.example.com",
    port: 5432,
    tags: [{}],
    networks: undefined,
  },
  address: "10.0.0.1",
};
const OPENED: RelayEvent = { kind: "opened", ...SESSION };
const CLOSED = { kind: "closed", ...SESSION, milliseconds: 1_500, sent: 7, received: 9 } as const;
const EVENTS: readonly RelayEvent[] = [
  OPENED,
  { ...CLOSED, ended: undefined },
  { ...CLOSED, ended: "rule" },
  { kind: "refused", peer: "10.0.0.8:1", word: "not-allowed", reason: "why", caller: {} },
];

test("relayLogger() + tells who was connected where, for how long, and who was refused why", () => {
  const lines: string[] = [];
  const write = (text: string): number => lines.push(text);
  const note = relayLogger(createLog({ write, verbose: false, notices: true }));
  for (const event of EVENTS) note(event);
  const [opened = "", closed = "", ended = "", refused = ""] = lines;
  const where =
    "orders\\.example\\.com:5432 at 10\\.0\\.0\\.1 for \\S+user/bob.* from 10\\.0\\.0\\.9:50000";
  assert.match(opened, new RegExp(`^rdsiam: opened ${where} by \\[allow all\\]\n$`));
  assert.match(
    closed,
    new RegExp(`^rdsiam: closed ${where} after 1\\.5 s, 7 bytes sent, 9 received\n$`),
  );
  assert.match(ended, new RegExp(`^rdsiam: ended, as no rule allows it any more: ${where} after`));
  assert.match(refused, /^rdsiam: refused 10\.0\.0\.8:1 \(.*\): not-allowed: why\n$/);
});

test("relayLogger() + a JSON line has the fields of its event", () => {
  const lines: string[] = [];
  const write = (text: string): number => lines.push(text);
  const note = relayLogger(createLog({ write, verbose: false, notices: true, format: "json" }));
  for (const event of EVENTS) note(event);
  const [opened, , ended, refused] = lines.map((line) => JSON.parse(line) as object);
  const common = { peer: SESSION.peer, arn: SESSION.caller.arn, certificate: "CN:laptop" };
  const tunnel = {
    ...common,
    rule: "all",
    target: "orders",
    host: "orders.example.com",
    port: 5432,
  };
  const got = (line: object | undefined, wanted: object): object =>
    Object.fromEntries(Object.keys(wanted).map((key) => [key, Reflect.get(line ?? {}, key)]));
  for (const [line, wanted] of [
    [opened, { event: "opened", ...tunnel, address: "10.0.0.1", sent: undefined }],
    [
      ended,
      { event: "closed", ...tunnel, milliseconds: 1_500, sent: 7, received: 9, ended: "rule" },
    ],
    [refused, { event: "refused", refusal: "not-allowed", reason: "why", host: undefined }],
  ] as const)
    assert.deepEqual(got(line, wanted), wanted);
});

test("startRelayHealth() + counts each event once, and reports the last search in seconds", async () => {
  const state = { sessions: 2, maxSessions: 2, targets: 1, discoveredAt: 5_000 };
  let phase: RelayState["phase"] = "starting";
  const place = { host: "127.0.0.1", port: 0 };
  await using health = await startRelayHealth(place, () => ({ ...state, phase }));
  for (const event of EVENTS) health.note(event);
  const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${health.port}${path}`);
  const metrics = await (await get("/metrics")).text();
  for (const line of [
    "rdsiam_relay_sessions_total 1",
    "rdsiam_relay_sent_bytes_total 14",
    "rdsiam_relay_received_bytes_total 18",
    'rdsiam_relay_refused_total{reason="not-allowed"} 1',
    'rdsiam_relay_refused_total{reason="busy"} 0',
    'rdsiam_relay_ended_total{reason="rule"} 1',
    'rdsiam_relay_ended_total{reason="timeout"} 0',
    "rdsiam_relay_sessions 2",
    "rdsiam_relay_sessions_max 2",
    "rdsiam_relay_targets 1",
    "rdsiam_relay_discovery_timestamp_seconds 5",
  ])
    assert.ok(metrics.split("\n").includes(line), line);
  assert.equal((await get("/readiness")).status, 503);
  phase = "serving";
  assert.match(await (await get("/readiness")).text(), /2 of 2 sessions/);
  state.sessions = 1;
  assert.equal((await get("/readiness")).status, 200);
  phase = "draining";
  const draining = await get("/readiness");
  assert.deepEqual([draining.status, /draining/.test(await draining.text())], [503, true]);
});
