// How long an answer of DNS serves the logins that follow: as long as it says, and never longer than a second.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type DnsStandIn, startDns } from "../../src/demo/dns.ts";
import { nameResolver } from "../../src/rds/resolver.ts";
import { until } from "../support/traces.ts";

const LONGEST_REUSE = 1_000; // ms

let dns: DnsStandIn;
before(async () => (dns = await startDns()));
after(() => dns[Symbol.asyncDispose]());

async function asked(name: string, addresses: () => Promise<unknown>): Promise<number> {
  const count = dns.queries.length;
  await addresses();
  return dns.queries.slice(count).filter((query) => query.name === name).length;
}

test("nameResolver() uses an answer again for as long as it may be used", async () => {
  dns.set("long.test", { a: ["127.0.0.2"], ttl: 60 });
  const resolver = nameResolver([dns.address]);
  const look = () => resolver.addresses("long.test");
  const since = performance.now();
  assert.equal(await asked("long.test", look), 2);
  const second = await asked("long.test", look);
  const now = performance.now();
  assert.ok(second === 0 || now - since > LONGEST_REUSE);
  await until(async () => performance.now() - now > LONGEST_REUSE, "an old answer");
  dns.set("long.test", { a: ["127.0.0.3"], ttl: 60 });
  assert.deepEqual(await look(), [{ address: "127.0.0.3", family: 4 }]);
});

test("nameResolver() asks again at once when the answer or a CNAME on the way says so", async () => {
  dns.set("short.test", { a: ["127.0.0.2"], ttl: 0 });
  dns.set("alias.test", { cname: "long.test", ttl: 0 });
  for (const name of ["short.test", "alias.test"]) {
    const resolver = nameResolver([dns.address]);
    const look = () => resolver.addresses(name);
    assert.equal(await asked(name, look), 2);
    assert.equal(await asked(name, look), 2);
  }
});

test("nameResolver() keeps no failure", async () => {
  const resolver = nameResolver([dns.address]);
  await assert.rejects(resolver.addresses("late.test"), { code: "ERR_DNS" });
  dns.set("late.test", { a: ["127.0.0.2"] });
  assert.deepEqual(await resolver.addresses("late.test"), [{ address: "127.0.0.2", family: 4 }]);
});
