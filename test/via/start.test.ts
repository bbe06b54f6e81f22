// What is dialed through a tunnel, and which address a session then has.
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { tunnelDialer } from "../../src/via/start.ts";

const END = { host: "db.example.com", port: 5432 };

/** Dials through a tunnel that cannot reach some addresses and reports `address`. */
function dialer(
  addresses: readonly string[],
  address?: string,
  unreachable: readonly string[] = [],
) {
  const tunnel = {
    open: async (destination: { readonly address: string }) => {
      if (unreachable.includes(destination.address)) throw new Error(`not ${destination.address}`);
      return new PassThrough();
    },
    addressOf: () => address,
    [Symbol.asyncDispose]: async () => {},
  };
  const all = addresses.map((each) => ({ address: each, family: 4 as const }));
  const known = addresses.length === 0 ? undefined : async () => all;
  return tunnelDialer(tunnel, { ...END, addresses: known });
}

const signal = new AbortController().signal;

test("tunnelDialer() + the session's address is the one that the tunnel reports, where that is one", async () => {
  for (const [reported, address] of [
    ["10.0.0.1", { address: "10.0.0.1", family: 4 }],
    ["2001:db8::1", { address: "2001:db8::1", family: 6 }],
    ["db.example.com", { address: "db.example.com", family: 0 }],
    [undefined, { address: "db.example.com", family: 0 }],
  ] as const)
    assert.deepEqual((await dialer([], reported)(signal)).address, address, reported);
});

test("tunnelDialer() + takes the first address that is reached, and a cancel only its own", async () => {
  const three = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
  const dial = dialer(three, undefined, three.slice(0, 1));
  assert.equal((await dial(signal)).address.address, "10.0.0.2");
  const own = { address: "10.0.0.3", family: 4 as const };
  assert.equal((await dial(signal, own)).address.address, "10.0.0.3");
  await assert.rejects(dial(signal, { ...own, address: "10.0.0.1" }), /not 10\.0\.0\.1/);
  await assert.rejects(dialer(three, undefined, three)(signal), /not 10\.0\.0\.1/);
});
