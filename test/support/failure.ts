// The error that something ends with.
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { RdsIamError } from "../../src/base/errors.ts";

/** Waits for an error of ours; fails where there is none, or another one. */
export async function failure(work: Promise<unknown>): Promise<RdsIamError> {
  const error = await work.then(
    () => assert.fail("it did not fail"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RdsIamError, inspect(error));
  return error;
}
