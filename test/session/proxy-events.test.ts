// What happens on a proxy as lines of its log.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { RdsIamError } from "../../src/base/errors.ts";
import { createLog } from "../../src/base/log.ts";
import type { ProxyEvent } from "../../src/proxy/proxy-options.ts";
import { Sessions } from "../../src/proxy/sessions.ts";
import { proxyEventLogger, recordLogins } from "../../src/session/proxy-events.ts";

const REFUSED = { sqlState: "28000", message: "no" };

for (const [what, event] of Object.entries({
  "connections that prove nothing": { kind: "unauthenticated", reason: "no PostgreSQL frontend" },
  "wrong passwords": { kind: "unauthenticated", reason: "wrong password", error: REFUSED },
  "cancels with unknown keys": { kind: "cancel", found: false },
  "logins that the server refuses": {
    kind: "refused",
    user: "x",
    error: REFUSED,
    cause: undefined,
  },
} satisfies Record<string, ProxyEvent>)) {
  test(`proxyEventLogger() + ${what} cannot fill a JSON log, and what works is logged all the same`, (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const lines: string[] = [];
    const write = (text: string): number => lines.push(text);
    const log = createLog({ write, verbose: false, notices: true, format: "json" });
    const note = proxyEventLogger(log, { target: "prod", warns: true });
    for (let count = 0; count < 3_000; count += 1) note(event);
    assert.equal(lines.length, 20);
    note({ kind: "login", user: "u", database: "d", address: "127.0.0.1", milliseconds: 1 });
    note({ kind: "cancel", found: true });
    assert.equal(lines.length, 22);
    t.mock.timers.tick(1_000);
    assert.match(lines.at(-1) ?? "", /refused 2980 more connections in the same second/);
    note(event);
    assert.equal(lines.length, 24);
  });
}

test("Sessions.find() + compares no key after 64 wrong ones in a second", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const sessions = new Sessions({ unauthenticated: 64, sessions: 1, userSessions: undefined });
  const key = { processId: 7, secretKey: Buffer.from([1, 2, 3, 4]) };
  sessions.register({ key, address: { address: "127.0.0.1", family: 4 } });
  const wrong = { processId: 7, secretKey: Buffer.from([1, 2, 3, 5]) };
  for (let count = 0; count < 63; count += 1) assert.equal(sessions.find(wrong), undefined);
  assert.equal(sessions.find(key)?.key.processId, 7);
  assert.equal(sessions.find(wrong), undefined);
  assert.equal(sessions.find(key), undefined);
  t.mock.timers.tick(1_000);
  assert.equal(sessions.find(key)?.key.processId, 7);
});

test("recordLogins() + has the last refusal, and none once a login has worked", () => {
  const record = recordLogins();
  record.note({ kind: "unauthenticated", reason: "no PostgreSQL frontend" });
  record.note({ kind: "closed", user: "u" });
  assert.deepEqual([record.worked(), record.refusal()], [false, undefined]);
  const cause = new RdsIamError("no", { code: "ERR_CREDENTIALS" });
  record.note({ kind: "refused", user: "u", error: REFUSED, cause });
  assert.equal(record.refusal()?.message, "the login of u failed: no");
  assert.equal(record.refusal()?.code, "ERR_CREDENTIALS");
  record.note({ kind: "unauthenticated", reason: "wrong password", error: REFUSED });
  record.note({ kind: "cancel", found: false });
  assert.equal(record.refusal()?.message, "refused a login: wrong password");
  record.note({ kind: "login", user: "u", database: "d", address: "::1", milliseconds: 1 });
  assert.deepEqual([record.worked(), record.refusal()], [true, undefined]);
});
