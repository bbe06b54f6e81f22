// How an error spells the options in its texts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { RdsIamError } from "../../src/base/errors.ts";

const ERROR = new RdsIamError("{--region} is not valid", {
  code: "ERR_USAGE",
  detail: "The user typed {x} and {user}.",
  hint: "Add {--role-arn} ARN. Run: aws sts get-caller-identity --profile a",
  cause: new Error("underneath"),
});

test("RdsIamError spells options as on the command line", () => {
  assert.equal(ERROR.message, "--region is not valid");
  assert.equal(ERROR.hint, "Add --role-arn ARN. Run: aws sts get-caller-identity --profile a");
});

test("withOptions() spells options otherwise, and changes no command and no other brace", () => {
  const { message, code, detail, hint, cause } = ERROR.withOptions((flag) => flag.toUpperCase());
  assert.equal(message, "--REGION is not valid");
  assert.equal(hint, "Add --ROLE-ARN ARN. Run: aws sts get-caller-identity --profile a");
  assert.deepEqual([code, detail, cause], ["ERR_USAGE", ERROR.detail, ERROR.cause]);
});
