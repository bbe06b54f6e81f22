// The registry of token sources.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TokenRequest } from "../../src/library/public.ts";
import { tokenSourceRegistry } from "../../src/library/token-sources.ts";

const REQUEST: TokenRequest = { host: "h", port: 5432, user: "u", region: "eu-west-1" };

test("add() builds a source with its first token, once, also for connections that come at the same time", async () => {
  const sources = tokenSourceRegistry();
  let built = 0;
  sources.add("custom", async () => {
    built += 1;
    return ({ user, host, port, region }) => `${user}@${host}:${port} in ${region}`;
  });
  const source = sources.find("custom");
  assert.equal(built, 0);
  const tokens = await Promise.all([source?.(REQUEST), source?.({ ...REQUEST, user: "v" })]);
  assert.deepEqual(tokens, ["u@h:5432 in eu-west-1", "v@h:5432 in eu-west-1"]);
  await source?.(REQUEST);
  assert.equal(built, 1);
});

test("a source whose building failed is built again, and the error says whose it is", async () => {
  const sources = tokenSourceRegistry();
  let isReady = false;
  sources.add("late", () => {
    if (!isReady) throw new Error("not yet");
    return () => "token";
  });
  const source = sources.find("late");
  await assert.rejects(async () => source?.(REQUEST), {
    code: "ERR_CREDENTIALS",
    message: 'the token source "late" failed: not yet',
  });
  isReady = true;
  assert.equal(await source?.(REQUEST), "token");
});

test("what gives no string is no token", async () => {
  const sources = tokenSourceRegistry();
  for (const wrong of ["", undefined, 1, null]) {
    sources.add("wrong", () => () => wrong as string);
    await assert.rejects(async () => sources.find("wrong")?.(REQUEST), {
      message: 'the token source "wrong" returned no token',
    });
  }
  sources.add("no function", (() => "token") as never);
  await assert.rejects(async () => sources.find("no function")?.(REQUEST), {
    code: "ERR_CREDENTIALS",
  });
});

test("find() names what there is, and what may have been meant", () => {
  const sources = tokenSourceRegistry();
  sources.add("vault", () => () => "token");
  assert.throws(() => sources.find("fault"), {
    detail: "The sources are: default, vault.",
    hint: 'Did you mean "vault"?',
  });
});

test("remove() and reset() forget; the first default stays, and another may take its place", () => {
  const sources = tokenSourceRegistry();
  assert.equal(sources.find("default"), undefined);
  sources.add("default", () => () => "token");
  assert.ok(sources.find("default"));
  sources.remove("default");
  assert.equal(sources.find("default"), undefined);
  sources.add("custom", () => () => "token");
  sources.reset();
  assert.throws(() => sources.find("custom"), { code: "ERR_USAGE" });
});

test("add() refuses what is no name or no function", () => {
  const sources = tokenSourceRegistry();
  assert.throws(() => sources.add("", () => () => ""), TypeError);
  assert.throws(() => sources.add("x", "token" as never), TypeError);
});
