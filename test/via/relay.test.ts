// The certificate files of a relay.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { rootCertificates } from "node:tls";
import { relayContext } from "../../src/via/relay.ts";

test("relayContext() + refuses a CA file without a certificate or with a broken one", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-test-"));
  t.after(() => rm(directory, { recursive: true }));
  const ca = join(directory, "ca.pem");
  const [good = ""] = rootCertificates;
  const broken = "-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n";
  const half = good.slice(0, 200);
  for (const text of ["", "garbage", half, broken, `${good}\n${broken}`]) {
    await writeFile(ca, text);
    await assert.rejects(relayContext({ ca }), {
      code: "ERR_VIA",
      message: `${ca} is not a PEM file with a certificate`,
    });
  }
  await writeFile(ca, good);
  await relayContext({ ca });
});
