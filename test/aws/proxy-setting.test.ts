// Which proxy a call goes through: the variables, their order, their forms, and what NO_PROXY covers.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { proxyPasswords, proxySetting } from "../../src/aws/proxy-setting.ts";
import { RdsIamError } from "../../src/base/errors.ts";

const STS = { protocol: "https:", hostname: "sts.eu-west-1.amazonaws.com", port: 443 };
const address = (env: Record<string, string>, call = STS) => proxySetting(call, env)?.address;

test("proxySetting() takes the variable of the call's protocol, the lower-case name first", () => {
  const env = { HTTPS_PROXY: "http://upper:1", https_proxy: "http://lower:2" };
  assert.equal(address(env), "lower:2");
  assert.equal(proxySetting(STS, env)?.variable, "https_proxy");
  assert.equal(address({ HTTPS_PROXY: "http://upper:1", https_proxy: "" }), "upper:1");
  assert.equal(address({ HTTP_PROXY: "http://p:1" }), undefined);
  assert.equal(address({ HTTP_PROXY: "http://p:1" }, { ...STS, protocol: "http:" }), "p:1");
  assert.equal(address({ ALL_PROXY: "http://p:1" }), undefined);
});

test("proxySetting() reads the forms that people write", () => {
  for (const [value, expected] of [
    ["proxy.corp:3128", "proxy.corp:3128"],
    ["proxy.corp", "proxy.corp:80"],
    ["http://proxy.corp/", "proxy.corp:80"],
    ["https://proxy.corp", "proxy.corp:443"],
    ["http://[::1]:3128", "[::1]:3128"],
    ["http://u:p@proxy.corp:3128/path", "proxy.corp:3128"],
  ] as const) {
    assert.equal(address({ HTTPS_PROXY: value }), expected);
  }
});

test("proxySetting() refuses what is no proxy, and repeats nothing of it", () => {
  for (const value of [
    "socks5://u:SECRET@h:1",
    "http://",
    "http://h:99999",
    "u:SECRET@",
    "://SECRET",
  ]) {
    assert.throws(
      () => proxySetting(STS, { HTTPS_PROXY: value }),
      (error: unknown) =>
        error instanceof RdsIamError &&
        error.code === "ERR_CONFIG" &&
        !`${error.message}${error.detail}${error.hint}`.includes("SECRET"),
      value,
    );
  }
});

test("proxySetting() gives any user and password as Basic, and its URL has neither", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme", minLength: 1 }),
      fc.string({ unit: "grapheme" }),
      (user, password) => {
        const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
        const env = { HTTPS_PROXY: `http://${login}@proxy.corp:3128` };
        const found = proxySetting(STS, env);
        const basic = Buffer.from(`${user}:${password}`, "utf8").toString("base64");
        assert.equal(found?.authorization, `Basic ${basic}`);
        assert.equal(found.url.href, "http://proxy.corp:3128/");
        assert.equal(password === "" || proxyPasswords(env).includes(password), true);
      },
    ),
  );
  assert.equal(
    proxySetting(STS, { HTTPS_PROXY: "http://u:50%@h:1" })?.authorization,
    "Basic dTo1MCU=",
  );
  assert.equal(proxySetting(STS, { HTTPS_PROXY: "http://h:1" })?.authorization, undefined);
});

test("proxySetting() leaves out what NO_PROXY covers", () => {
  const isOut = (list: string, hostname = STS.hostname, port = 443): boolean =>
    address({ HTTPS_PROXY: "p:1", NO_PROXY: list }, { ...STS, hostname, port }) === undefined;
  for (const list of [
    "*",
    "amazonaws.com",
    ".amazonaws.com",
    "*.amazonaws.com",
    "x, STS.eu-west-1.AmazonAWS.com",
    "x amazonaws.com:443",
    "sts.eu-west-1.amazonaws.com",
  ]) {
    assert.ok(isOut(list), list);
  }
  for (const list of [
    "",
    ",",
    "aws.com",
    "amazonaws.com:444",
    "eu-west-1",
    "sts.*",
    "10.0.0.0/8",
    "0.0.0.0/0,::/0",
  ]) {
    assert.ok(!isOut(list), list);
  }
  assert.ok(isOut("10.0.0.1", "10.0.0.1"));
  assert.ok(!isOut("0.0.1", "10.0.0.1"));
  assert.ok(isOut("::1", "[::1]") && isOut("[::1]:443", "[::1]") && !isOut("[::1]:1", "[::1]"));
  assert.ok(isOut("localhost", "localhost") && !isOut("other", "localhost"));
  assert.equal(address({ HTTPS_PROXY: "p:1", no_proxy: "x", NO_PROXY: "*" }), "p:1");
});

test("proxySetting() takes a network in NO_PROXY for the addresses in it, as Go's programs do", () => {
  const isOut = (list: string, hostname: string, port = 443): boolean =>
    address({ HTTPS_PROXY: "p:1", NO_PROXY: list }, { ...STS, hostname, port }) === undefined;
  for (const [list, hostname, expected] of [
    ["10.0.0.0/8", "10.200.3.4", true],
    ["10.0.0.0/8", "11.0.0.1", false],
    ["x, 169.254.170.2/32", "169.254.170.2", true],
    ["192.168.1.77/24", "192.168.1.1", true],
    ["0.0.0.0/0", "8.8.8.8", true],
    ["0.0.0.0/0", "[2001:db8::1]", false],
    ["fd00::/8", "[fd12:3456::1]", true],
    ["fd00::/8", "[fe80::1]", false],
    ["[fd00::/8]:443", "[fd12:3456::1]", true],
    ["[fd00::/8]:80", "[fd12:3456::1]", false],
    ["FD00:0:0::1", "[fd00::1]", true],
    ["10.0.0.0/33", "10.0.0.1", false],
    ["10.0.0/8", "10.0.0.1", false],
    ["10.0.0.0/", "10.0.0.0", false],
    ["fd00::/129", "[fd00::1]", false],
    ["10.0.0.1:8443", "10.0.0.1", false],
    ["10.0.0.1:443", "10.0.0.1", true],
    ["fe80::1%eth0", "[fe80::1]", false],
  ] as const) {
    assert.equal(isOut(list, hostname), expected, `${list} for ${hostname}`);
  }
  assert.ok(isOut("..amazonaws.com", STS.hostname));
  assert.ok(isOut("sts.eu-west-1.amazonaws.com.", STS.hostname));
});

test("proxySetting() takes any NO_PROXY", () => {
  fc.assert(
    fc.property(fc.string(), fc.domain(), (list, hostname) => {
      proxySetting({ ...STS, hostname }, { HTTPS_PROXY: "p:1", NO_PROXY: list });
      const own = { HTTPS_PROXY: "p:1", NO_PROXY: `${list},${hostname}` };
      assert.equal(proxySetting({ ...STS, hostname }, own), undefined);
    }),
  );
});
