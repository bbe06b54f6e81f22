// The CA file of AWS calls: who names it, and that what holds no certificate is never taken for "none".
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { loadCaBundle } from "../../src/aws/ca-bundle.ts";
import { profileValues } from "../support/profile-values.ts";
import { makeAuthority } from "../../src/demo/certificates.ts";
import { temporaryDirectory } from "../support/keep.ts";

const home = await temporaryDirectory("ca");
const { cert } = await makeAuthority({ subject: "CN=Corp" });

async function file(name: string, text: string): Promise<string> {
  const path = join(home, name);
  await writeFile(path, text);
  return path;
}

test("loadCaBundle() takes AWS_CA_BUNDLE, then ca_bundle, then none", async () => {
  const one = await file("one.pem", cert);
  const two = await file("two.pem", `# a comment\r\n${cert}\nmore\n${cert}`);
  const both = await loadCaBundle({ AWS_CA_BUNDLE: one }, profileValues({ ca_bundle: two }));
  assert.deepEqual([both?.name, both?.file, both?.certificates.length], ["AWS_CA_BUNDLE", one, 1]);
  const own = await loadCaBundle({ AWS_CA_BUNDLE: "" }, profileValues({ ca_bundle: two }));
  assert.deepEqual([own?.name, own?.certificates.length], ["ca_bundle", 2]);
  const short = await loadCaBundle({ HOME: home }, profileValues({ ca_bundle: "~/one.pem" }));
  assert.equal(short?.file, one);
  assert.equal(await loadCaBundle({}, undefined), undefined);
});

test("loadCaBundle() refuses a file without a certificate, or with a broken one", async () => {
  const broken = cert.replace(/\n[^\n]{20}/, "\n!!!!!!!!!!!!!!!!!!!!");
  const key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
  for (const [text, message] of [
    ["", /^there is no certificate in the file of AWS_CA_BUNDLE, /],
    ["garbage", /^there is no certificate/],
    [key, /^there is no certificate/],
    [`${cert}${broken}`, /^certificate 2 in the file of AWS_CA_BUNDLE, .*, cannot be read$/],
  ] as const) {
    const path = await file("bad.pem", text);
    await assert.rejects(loadCaBundle({ AWS_CA_BUNDLE: path }, undefined), {
      code: "ERR_CERTIFICATE",
      message,
    });
  }
  await assert.rejects(loadCaBundle({ AWS_CA_BUNDLE: home }, undefined), { message: /EISDIR$/ });
});
