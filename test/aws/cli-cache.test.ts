// The AWS CLI's cache keys and entries, compared with botocore itself where it is installed.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import type { AssumedRole } from "../../src/aws/keys.ts";
import { type AssumeRoleParameters, cliCacheKey, openCliCache } from "../../src/aws/cli-cache.ts";
import { temporaryDirectory } from "../support/keep.ts";

const ROLE = "arn:aws:iam::123456789012:role/db-reader";

function parameters(more: Partial<AssumeRoleParameters>): AssumeRoleParameters {
  return { RoleArn: ROLE, RoleSessionName: undefined, ...more };
}

// Made with botocore 1.43.11: AssumeRoleCredentialFetcher(None, None, ROLE, extra_args={...})._create_cache_key()
const KEYS: readonly (readonly [Partial<AssumeRoleParameters>, string])[] = [
  [{}, "0bfd9f793966c1b8c3f527fdb6658ecccd9cc0ee"],
  [{ RoleSessionName: "mine" }, "7864c51c8ce56d63d87981e6f0e8746bece85802"],
  [{ ExternalId: "ext-7", DurationSeconds: 900 }, "07167b17de4c2ea1b983eefa4b76960e963e5ea4"],
  [
    { SerialNumber: "arn:aws:iam::123456789012:mfa/jane" },
    "0f23616a4dcf62439ffd0bf8cbd32b0befdb3481",
  ],
  [{ ExternalId: 'größe "\\\t\u{1F600}\u007f' }, "ef8609acf7d15264f1ebd6ce0cda81310850fffd"],
  [
    { DurationSeconds: 43200, ExternalId: "e", RoleSessionName: "s", SerialNumber: "GAHT12345678" },
    "3e3092478dabe05d499bb314f5fc179ca3f627cf",
  ],
];

for (const [more, key] of KEYS) {
  test(`cliCacheKey() is botocore's for ${JSON.stringify(more)}`, () => {
    assert.equal(cliCacheKey(parameters(more)), key);
    // What nobody chose, and what is asked of a person, is no part of it.
    assert.equal(cliCacheKey(parameters({ ...more, TokenCode: "012345" })), key);
  });
}

const PYTHON = `
import json, sys
from botocore.credentials import AssumeRoleCredentialFetcher
for line in sys.stdin:
    args = json.loads(line)
    role = args.pop("RoleArn")
    print(AssumeRoleCredentialFetcher(None, None, role, extra_args=args)._create_cache_key())
`;

const env = { PATH: process.env["PATH"], HOME: "/nonexistent" };
const hasBotocore = spawnSync("python3", ["-c", "import botocore"], { env }).status === 0;

test(
  "cliCacheKey() is botocore's for 500 other calls",
  { skip: hasBotocore ? false : "botocore is not on this machine" },
  () => {
    const text = fc.string({ unit: "binary", minLength: 1 });
    const call = fc.record(
      {
        RoleArn: text,
        RoleSessionName: text,
        ExternalId: text,
        SerialNumber: text,
        DurationSeconds: fc.nat(),
      },
      { requiredKeys: ["RoleArn"] },
    );
    const calls = fc.sample(call, 500);
    const input = calls.map((each) => JSON.stringify(each)).join("\n");
    const python = spawnSync("python3", ["-c", PYTHON], { env, input, encoding: "utf8" });
    assert.equal(python.status, 0, python.stderr);
    assert.deepEqual(
      calls.map((each) => cliCacheKey(parameters(each))),
      python.stdout.trim().split("\n"),
    );
  },
);

const NOW = Date.parse("2026-11-21T00:00:00Z");
const GOOD: AssumedRole = {
  accessKeyId: "ASIAEXAMPLE",
  secretAccessKey: "secret/+",
  sessionToken: "token==",
  expiration: new Date(NOW + 3_600_000),
  user: { arn: "arn:aws:sts::123456789012:assumed-role/db-reader/me", id: "AROAX:me" },
};

async function cacheDirectory(): Promise<string> {
  return join(await temporaryDirectory("cache"), "cli", "cache");
}

test("openCliCache() writes the AWS CLI's own form", async () => {
  const directory = await cacheDirectory();
  assert.equal(await openCliCache(directory, () => NOW).write("k", GOOD), undefined);
  assert.deepEqual(await readdir(directory), ["k.json"]);
  assert.deepEqual(JSON.parse(await readFile(join(directory, "k.json"), "utf8")), {
    Credentials: {
      AccessKeyId: "ASIAEXAMPLE",
      SecretAccessKey: "secret/+",
      SessionToken: "token==",
      Expiration: "2026-11-21T01:00:00UTC",
      AccountId: "123456789012",
    },
    AssumedRoleUser: { AssumedRoleId: "AROAX:me", Arn: GOOD.user?.arn },
  });
});

test("openCliCache() reads until two minutes before the end", async () => {
  const directory = await cacheDirectory();
  let now = NOW;
  const cache = openCliCache(directory, () => now);
  await cache.write("k", GOOD);
  const { user: _, ...keys } = GOOD;
  now = GOOD.expiration.getTime() - 120_001;
  assert.deepEqual(await cache.read("k"), keys);
  now += 1;
  assert.equal(await cache.read("k"), undefined);
  assert.equal(await cache.read("other"), undefined);
});
