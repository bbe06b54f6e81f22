// Which server is asked, how, and what counts as an answer.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import packet from "dns-packet";
import { keep } from "../support/keep.ts";
import { type DnsStandIn, startDns } from "../../src/demo/dns.ts";
import { queryDns } from "../../src/rds/dns-client.ts";

const good = await keep(
  startDns({
    "a.test": { a: ["192.0.2.1"] },
    "v6.test": { aaaa: ["2001:db8::1"] },
  }),
);
const failing = await keep(
  startDns({ "a.test": { rcode: "SERVFAIL" }, "v6.test": { silent: true } }),
);

function servers(...list: readonly (DnsStandIn | undefined)[]): string[] {
  return list.map((each) => each?.address ?? "");
}

test("queryDns() asks the next server when one fails or is silent, and takes a definite no", async () => {
  const { data, ttl } = await queryDns(servers(failing, good), "a.test", "A");
  assert.deepEqual([data, ttl], [["192.0.2.1"], 5]);
  const v6 = await queryDns(servers(failing, good), "v6.test", "AAAA");
  assert.deepEqual(v6.data, ["2001:db8::1"]);
  await assert.rejects(queryDns(servers(good, failing), "b.test", "A"), { code: "ENOTFOUND" });
  await assert.rejects(queryDns(servers(good), "a.test", "CNAME"), { code: "ENODATA" });
});

test("queryDns() tells what the last server said, and gives up in time", async () => {
  await assert.rejects(queryDns(servers(failing), "a.test", "A"), { code: "ESERVFAIL" });
  const started = Date.now();
  await assert.rejects(queryDns(servers(failing, failing), "v6.test", "A"), { code: "ETIMEOUT" });
  assert.ok(Date.now() - started < 4_000);
  await assert.rejects(queryDns([], "a.test", "A"), { code: "ECONNREFUSED" });
  await assert.rejects(queryDns(servers(good), "a b.test", "A"), { code: "ENOTFOUND" });
});

test("queryDns() asks over TCP what does not fit, and passes over answers to other questions", async () => {
  const answers = Array.from({ length: 60 }, (_, index) => ({
    type: "A" as const,
    name: "big.test",
    data: `192.0.2.${index}`,
  }));
  const reply = (
    query: Buffer,
    extra: { id?: number; flags?: number; answers?: packet.Answer[] },
  ) => {
    const { id = 0, questions = [] } = packet.decode(query);
    return packet.encode({ type: "response", id, flags: 0, questions, ...extra });
  };
  const tcp = createServer((socket) => {
    socket.once("data", (data) => {
      const message = reply(data.subarray(2), { answers });
      const length = Buffer.from([message.length >> 8, message.length & 255]);
      // In pieces, as TCP may.
      socket.write(length.subarray(0, 1));
      socket.write(length.subarray(1));
      socket.end(message);
    });
  }).listen(0, "127.0.0.1");
  await once(tcp, "listening");
  const { port } = tcp.address() as { port: number };
  const udp = createSocket("udp4");
  udp.on("message", (query, from) => {
    const send = (message: Buffer): void => udp.send(message, from.port, from.address);
    const { id = 0 } = packet.decode(query);
    send(reply(query, { id: (id + 1) % 65_536, answers: answers.slice(0, 1) }));
    send(Buffer.from("junk"));
    send(reply(query, { flags: packet.TRUNCATED_RESPONSE }));
  });
  udp.bind(port, "127.0.0.1");
  await once(udp, "listening");
  try {
    assert.equal((await queryDns([`127.0.0.1:${port}`], "big.test", "A")).data.length, 60);
  } finally {
    udp.close();
    tcp.close();
  }
});
