// The stand-in's DNS server, asked by the runtime's own resolver and over TCP.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { connect } from "node:net";
import { test, type TestContext } from "node:test";

import * as codec from "dns-packet";

import { closed } from "../support/listen.ts";
import { type DnsStandIn, startDns } from "../../src/demo/dns.ts";

async function bench(t: TestContext): Promise<{ dns: DnsStandIn; resolver: Resolver }> {
  const dns = await startDns({
    "orders.example.com": { cname: "Primary.Example.com" },
    "primary.example.com.": { cname: "_db_1.example.com" },
    "_db_1.example.com": { a: ["127.0.0.1", "127.0.0.2"], aaaa: ["::1"] },
    "loop.example.com": { cname: "loop.example.com" },
    "out.example.com": { cname: "elsewhere.test" },
    "bad.example.com": { rcode: "SERVFAIL" },
    "mute.example.com": { silent: true },
  });
  t.after(() => dns[Symbol.asyncDispose]());
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([dns.address]);
  return { dns, resolver };
}

test("DnsStandIn answers one hop for CNAME and the whole chain for addresses", async (t) => {
  const { dns, resolver } = await bench(t);
  assert.deepEqual(await resolver.resolveCname("orders.example.com"), ["Primary.Example.com"]);
  assert.deepEqual(await resolver.resolveCname("PRIMARY.example.com."), ["_db_1.example.com"]);
  assert.deepEqual(await resolver.resolve4("orders.example.com"), ["127.0.0.1", "127.0.0.2"]);
  assert.deepEqual(await resolver.resolve6("orders.example.com"), ["::1"]);
  await assert.rejects(resolver.resolveCname("_db_1.example.com"), { code: "ENODATA" });
  assert.equal(dns.queries.length, 5);
  assert.deepEqual(dns.queries[0], { name: "orders.example.com", type: "CNAME", transport: "udp" });
});

test("DnsStandIn fails as resolvers do: NXDOMAIN, SERVFAIL, loops, silence", async (t) => {
  const { dns, resolver } = await bench(t);
  await assert.rejects(resolver.resolve4("none.example.com"), { code: "ENOTFOUND" });
  await assert.rejects(resolver.resolve4("out.example.com"), { code: "ENOTFOUND" });
  await assert.rejects(resolver.resolve4("bad.example.com"), { code: "ESERVFAIL" });
  await assert.rejects(resolver.resolve4("loop.example.com"), { code: "ESERVFAIL" });
  assert.deepEqual(await resolver.resolveCname("loop.example.com"), ["loop.example.com"]);
  await assert.rejects(resolver.resolve4("mute.example.com"), { code: "ETIMEOUT" });
  dns.set("none.example.com", { a: ["127.0.0.9"] });
  assert.deepEqual(await resolver.resolve4("none.example.com"), ["127.0.0.9"]);
});

test(
  "DnsStandIn answers over TCP on the same port, in any cut, and survives junk",
  { timeout: 5000 },
  async (t) => {
    const { dns, resolver } = await bench(t);
    const query = codec.streamEncode({
      type: "query",
      id: 7,
      flags: codec.RECURSION_DESIRED,
      questions: [{ type: "A", name: "orders.example.com" }],
    });
    const junk = connect(dns.port, "127.0.0.1");
    junk.end(Buffer.from([0, 3, 1, 2, 3]));
    await closed(junk);
    const socket = connect({ host: "127.0.0.1", port: dns.port, noDelay: true });
    await once(socket, "connect");
    // The server lives in this event loop: it has read a piece when it has answered a later question.
    for (const piece of [query.subarray(0, 1), query.subarray(1, -1), query.subarray(-1)]) {
      socket.write(piece);
      await resolver.resolve4("orders.example.com");
    }
    let answer = Buffer.alloc(0);
    while (answer.length < 2 || answer.length < 2 + answer.readUInt16BE(0)) {
      const [chunk] = (await once(socket, "data")) as [Buffer];
      answer = Buffer.concat([answer, chunk]);
    }
    socket.destroy();
    const packet = codec.streamDecode(answer);
    assert.equal(packet.id, 7);
    assert.equal(packet.answers?.length, 4);
  },
);
