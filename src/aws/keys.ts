// AWS access keys: their type, what of them signs a request, and those in the environment.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-static-credentials.html

import type { Environment } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";

/** Temporary or long-term AWS credentials, in the SDK's own words. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
}

/** What STS gives for a role. */
export interface AssumedRole extends AwsKeys {
  readonly sessionToken: string;
  readonly expiration: Date;
  /** The role session's own ARN and id, where they are known. */
  readonly user?: { readonly arn: string | undefined; readonly id: string | undefined } | undefined;
}

/** The part of credentials that an SDK client signs with. */
export function signingKeys({ accessKeyId, secretAccessKey, sessionToken }: AwsKeys) {
  const keys = { accessKeyId, secretAccessKey };
  return sessionToken ? { ...keys, sessionToken } : keys;
}

/**
 * The time in a text of AWS's tools, invalid where there is none: ISO 8601, also without its marks (20270101T000000Z) and with
 * UTC at its end, as the AWS CLI writes it into its caches.
 */
export function timeOf(text: string): Date {
  const iso = text.replace(/ ?UTC$/, "Z");
  const marked = iso.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)/, "$1-$2-$3T$4:$5:$6");
  return new Date(marked);
}

/** The parts of credentials, and the environment variable of each. */
const PARTS = [
  ["accessKeyId", "access key id", "AWS_ACCESS_KEY_ID"],
  ["secretAccessKey", "secret access key", "AWS_SECRET_ACCESS_KEY"],
  ["sessionToken", "session token", "AWS_SESSION_TOKEN"],
] as const;

/**
 * The keys of what a source gave, checked before anything is signed with them: AWS's are visible ASCII without quotes, and a
 * signature made with others is refused as if they were not known. `from` names the source in errors.
 */
export function checkedKeys(given: AwsKeys, from: string): AwsKeys {
  const { accessKeyId, secretAccessKey, expiration } = given;
  // An empty one is none: `aws configure set aws_session_token ""` leaves it in the file.
  const sessionToken = given.sessionToken === "" ? undefined : given.sessionToken;
  const texts = [accessKeyId, secretAccessKey, sessionToken ?? "-"];
  const isText = texts.every((text) => typeof text === "string" && text !== "");
  if (!isText || Number.isNaN(expiration?.getTime() ?? 0)) {
    throw new RdsIamError("the credential source returned invalid credentials", {
      code: "ERR_CREDENTIALS",
      detail: `${isText ? "The Expiration is not a valid time" : "A key in them is not text, or empty"}; they are from ${from}.`,
      hint: "Check the profile's credential_process, or log in again.",
    });
  }
  for (const [key, name, variable] of PARTS) {
    const problem = keyProblem(given[key] ?? "");
    if (problem === undefined) continue;
    const where = from === ENVIRONMENT ? variable : from;
    throw new RdsIamError(`the AWS ${name} ${problem}`, {
      code: "ERR_CREDENTIALS",
      detail: `It is from ${where}. An AWS ${name} is ASCII, without spaces or quotes.`,
      hint: `Correct ${from === ENVIRONMENT ? variable : "it there"}: the value must be the key and nothing else.`,
    });
  }
  return { accessKeyId, secretAccessKey, sessionToken, expiration };
}

function keyProblem(key: string): string | undefined {
  if (/[\r\n]/.test(key)) return "contains a line break";
  if (/\s/.test(key)) return "contains white space";
  if (/\p{Cc}/u.test(key)) return "contains a control character";
  if (/["'`\u2018-\u201F]/.test(key)) return "contains quotes";
  return /[^!-~]/.test(key) ? "contains a non-ASCII character" : undefined;
}

/** Whether the environment has an access key, or one half of it. */
export function hasEnvironmentKeys(env: Environment): boolean {
  return Boolean(env["AWS_ACCESS_KEY_ID"] || env["AWS_SECRET_ACCESS_KEY"]);
}

/** What checkedKeys() is told about keys of the environment. */
export const ENVIRONMENT = "the environment";

/** The environment's access key; half of one, or none, is an error. */
export function environmentKeys(env: Environment): AwsKeys {
  const accessKeyId = env["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = env["AWS_SECRET_ACCESS_KEY"];
  if (!accessKeyId || !secretAccessKey) {
    const missing = accessKeyId ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID";
    throw new RdsIamError(`${missing} is not set`, {
      code: "ERR_CREDENTIALS",
      detail: "The environment has one half of an access key.",
      hint: `Set ${missing}, or unset the other half.`,
    });
  }
  // The AWS CLI asks for the older name first.
  const sessionToken = env["AWS_SECURITY_TOKEN"] || env["AWS_SESSION_TOKEN"] || undefined;
  const end = timeOf(env["AWS_CREDENTIAL_EXPIRATION"] ?? "");
  const expiration = Number.isNaN(end.getTime()) ? undefined : end;
  return { accessKeyId, secretAccessKey, sessionToken, expiration };
}
