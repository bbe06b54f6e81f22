// How typed names are completed, what a resolver that knows addresses alone is asked, and how long an answer of DNS serves the
// logins that follow: as long as it says, and never longer than a second.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startDns } from "../../src/demo/dns.ts";
import { nameResolver } from "../../src/rds/resolver.ts";
import { until } from "../support/traces.ts";
import { keep, temporaryDirectory } from "../support/keep.ts";

const LONGEST_REUSE = 1_000; // ms

const RDS = "orders.cluster-c1a2b3.eu-west-1.rds.amazonaws.com";

const dns = await keep(startDns());
const directory = await temporaryDirectory("resolver");

async function searching(resolvConf: string, env: Readonly<Record<string, string>> = {}) {
  const file = join(directory, "resolv.conf");
  await writeFile(file, resolvConf);
  return nameResolver([dns.address], { env, file });
}

/** The questions that were asked meanwhile, `TYPE name` each. */
async function questions(work: () => Promise<unknown>): Promise<readonly string[]> {
  const count = dns.queries.length;
  await work();
  return dns.queries.slice(count).map(({ type, name }) => `${type} ${name}`);
}

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

test("nameResolver() asks no server for localhost", async () => {
  const resolver = nameResolver([dns.address]);
  for (const name of ["localhost", "LOCALHOST."]) {
    const asking = await questions(async () => {
      const [first] = await resolver.addresses(name);
      assert.match(first?.address ?? "", /^(?:127\.0\.0\.1|::1)$/);
    });
    assert.deepEqual(asking, []);
  }
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

test("nameResolver() completes a typed name with the first domain of the search list that has it", async () => {
  dns.set("orders.corp.example", { cname: RDS });
  dns.set("plain.corp.example", { aaaa: ["::1"] });
  dns.set("empty.corp.example", {});
  dns.set("empty.later.example", { a: ["127.0.0.2"] });
  dns.set("failing.corp.example", { rcode: "SERVFAIL" });
  dns.set("failing.later.example", { cname: RDS });
  const resolver = await searching("search none.example corp.example later.example\n");
  const complete = (name: string) => resolver.complete(name);
  assert.equal(await complete("orders"), "orders.corp.example");
  assert.equal(await complete("ORDERS.Corp"), "orders.corp");
  assert.equal(await complete("plain"), "plain.corp.example");
  assert.equal(await complete("empty"), "empty.later.example");
  assert.equal(await complete("failing"), "failing.later.example");
  assert.equal(await complete("orders."), "orders");
  assert.equal(await complete("nowhere"), "nowhere");
  assert.equal(await resolver.cname("orders.corp.example"), RDS);
});

test("nameResolver() does not ask the next domain when the server is silent, and names the typed one", async () => {
  dns.set("mute.corp.example", { silent: true });
  dns.set("mute.later.example", { cname: RDS });
  const resolver = await searching("search corp.example later.example\n");
  await assert.rejects(resolver.complete("mute"), {
    code: "ERR_DNS",
    message: "cannot look up host mute",
  });
});

test("nameResolver() completes no RDS name, no name behind a CNAME, and nothing without a search list", async () => {
  dns.set("last.example", { cname: "orders" });
  const resolver = await searching("search corp.example\noptions ndots:9\n");
  const asked = await questions(async () => {
    assert.equal(await resolver.complete(RDS), RDS);
    await assert.rejects(resolver.addresses(RDS), { code: "ERR_DNS" });
    assert.equal(await resolver.cname("last.example"), "orders");
    assert.equal(await resolver.cname("orders"), undefined);
    assert.equal(await nameResolver([dns.address]).complete("Orders"), "orders");
  });
  assert.deepEqual(
    asked.filter((question) => question.includes("corp.example")),
    [],
  );
});

test("nameResolver() completes the names whose addresses it looks up at the servers it was given", async () => {
  dns.set("bastion.corp.example", { a: ["127.0.0.2"] });
  const resolver = await searching("", { LOCALDOMAIN: "none.example corp.example" });
  assert.deepEqual(await resolver.addresses("bastion"), [{ address: "127.0.0.2", family: 4 }]);
  await assert.rejects(resolver.addresses("missing"), {
    code: "ERR_DNS",
    message: "host missing does not exist",
    detail: /Names tried: missing\.none\.example, missing\.corp\.example, missing\.$/,
  });
});

test("nameResolver() asks for nothing but the CNAME where there is one", async () => {
  dns.set("usual.example", { cname: RDS });
  const resolver = nameResolver([dns.address]);
  const asked = await questions(() => resolver.cname("usual.example"));
  assert.deepEqual(asked, ["CNAME usual.example"]);
  assert.deepEqual(await questions(() => resolver.cname("usual.example")), []);
});

for (const cnameQuery of [
  "NOTIMP",
  "FORMERR",
  "REFUSED",
  "SERVFAIL",
  "NOERROR",
  "NXDOMAIN",
  "silence",
] as const) {
  test(`nameResolver() takes the CNAME from the addresses' answer where the one for it is ${cnameQuery}`, async () => {
    const name = `${cnameQuery.toLowerCase()}.example`;
    dns.set(name, { cname: `next.${name}`, cnameQuery });
    dns.set(`next.${name}`, { cname: RDS, cnameQuery });
    // Its addresses cannot be known here, as of a private zone behind a bastion.
    dns.delete(RDS);
    const started = performance.now();
    const resolver = nameResolver([dns.address]);
    assert.equal(await resolver.cname(name), `next.${name}`);
    assert.equal(await resolver.cname(`next.${name}`), RDS);
    assert.ok(performance.now() - started < 3_500);
    dns.set(`plain.${name}`, { aaaa: ["::1"], cnameQuery });
    assert.equal(await resolver.cname(`plain.${name}`), undefined);
  });
}
