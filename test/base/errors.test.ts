// How an error spells the options in its texts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { errorCode } from "../../src/base/errno.ts";
import { RdsIamError } from "../../src/base/errors.ts";
import { problemOf } from "../../src/base/problem.ts";

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

test("problemOf(), errorCode() know a permission that Deno was not given", () => {
  const text = 'Requires net access to "127.0.0.1:0", run again with the --allow-net flag';
  const denied = Object.assign(new Error(text), { name: "NotCapable" });
  assert.deepEqual(problemOf(denied), {
    message: 'Deno does not permit it: Requires net access to "127.0.0.1:0"',
    code: "ERR_USAGE",
    hint: "Run it with all permissions: deno run -A npm:rdsiam",
  });
  assert.equal(errorCode(denied), "permission denied by Deno");
  assert.equal(errorCode(new Error(text)), "unknown error");
});
