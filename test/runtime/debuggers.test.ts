// An inspector or a key log is refused in a sentence.
import assert from "node:assert/strict";
import { test } from "node:test";
import { refuseDebuggers } from "../../src/runtime/debuggers.ts";
import { RdsIamError } from "../../src/base/errors.ts";

const QUIET = { env: {}, execArgv: [], isDeno: false };

const REFUSED = [
  { ...QUIET, env: { NODE_OPTIONS: "--max-old-space-size=100 --inspect" } },
  { ...QUIET, env: { NODE_OPTIONS: "--inspect=0.0.0.0:9229" } },
  { ...QUIET, env: { NODE_OPTIONS: "--inspect-brk" } },
  { ...QUIET, env: { NODE_OPTIONS: "--tls-keylog=/tmp/keys" } },
  { ...QUIET, execArgv: ["--inspect-wait"] },
  { ...QUIET, execArgv: ["--tls-keylog=/tmp/keys"] },
  { ...QUIET, env: { BUN_INSPECT: "1" } },
  { ...QUIET, env: { SSLKEYLOGFILE: "/tmp/keys" }, isDeno: true },
];

for (const flags of REFUSED) {
  test(`refuseDebuggers() refuses ${JSON.stringify(flags)}`, () => {
    const isRefusal = (error: unknown): boolean =>
      error instanceof RdsIamError && error.code === "ERR_USAGE";
    assert.throws(() => refuseDebuggers(flags), isRefusal);
  });
}

test("refuseDebuggers() takes everything else", () => {
  refuseDebuggers(QUIET);
  refuseDebuggers({
    ...QUIET,
    env: { NODE_OPTIONS: "--max-old-space-size=100 --no-warnings", SSLKEYLOGFILE: "/tmp/k" },
  });
  refuseDebuggers({ ...QUIET, execArgv: ["--import", "tsx"], isDeno: true });
});
