import assert from "node:assert/strict";
import { test } from "node:test";
import { readAuthority, readHostPort, showHostPort } from "../../src/base/host-port.ts";

test("readHostPort() takes HOST, HOST:PORT, IPv6 and [IPv6]:PORT only", () => {
  assert.deepEqual(readHostPort("::1"), { host: "::1", port: undefined });
  assert.deepEqual(readHostPort("[::1]:99"), { host: "::1", port: 99 });
  assert.deepEqual(readHostPort("a_b.c."), { host: "a_b.c.", port: undefined });
  const bad = ["", "a b", "h:", "h:x", "h:0", "h:70000", "[h]:1", "h/x", "u@h", "[::1", "-oX=1"];
  for (const each of bad) assert.equal(readHostPort(each), undefined, each);
});

test("readAuthority() + refuses an IPv6 address without brackets, whose end may be a port", () => {
  assert.equal(readAuthority("::1:22"), undefined);
  assert.deepEqual(readAuthority("[::1]"), { host: "::1", port: undefined });
});

test("readAuthority() + takes port 0 where it is allowed", () => {
  assert.equal(readAuthority("127.0.0.1:0"), undefined);
  assert.deepEqual(readAuthority("127.0.0.1:0", 0), { host: "127.0.0.1", port: 0 });
});

test("showHostPort() + puts brackets around an IPv6 address", () => {
  assert.equal(showHostPort({ host: "::1", port: 1 }), "[::1]:1");
  assert.equal(showHostPort({ host: "h", port: 1 }), "h:1");
});
