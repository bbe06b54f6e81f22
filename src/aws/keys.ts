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

/** The keys of what a provider gave, checked: a credential_process, or an edited login file, can give anything. */
export function checkedKeys(given: AwsKeys): AwsKeys {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = given;
  const texts = [accessKeyId, secretAccessKey, sessionToken ?? "-"];
  const isText = texts.every((text) => typeof text === "string" && text !== "");
  if (!isText || Number.isNaN(expiration?.getTime() ?? 0)) {
    throw new RdsIamError("the credential source returned invalid credentials", {
      code: "ERR_CREDENTIALS",
      detail: isText ? "Its Expiration is not a valid time." : "A key in them is not text.",
      hint: "Check the profile's credential_process, or log in again.",
    });
  }
  return { accessKeyId, secretAccessKey, sessionToken, expiration };
}

/** Whether the environment has an access key, or one half of it. */
export function hasEnvironmentKeys(env: Environment): boolean {
  return Boolean(env["AWS_ACCESS_KEY_ID"] || env["AWS_SECRET_ACCESS_KEY"]);
}

/** The environment's access key; half of one, or none, is an error. `neededBy` is for that error. */
export function environmentKeys(env: Environment, neededBy: string): AwsKeys {
  const accessKeyId = env["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = env["AWS_SECRET_ACCESS_KEY"];
  if (!accessKeyId || !secretAccessKey) {
    const missing = accessKeyId ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID";
    const hasHalf = hasEnvironmentKeys(env);
    throw new RdsIamError(`${missing} is not set`, {
      code: "ERR_CREDENTIALS",
      detail: hasHalf
        ? "The environment has one half of an access key."
        : `The environment has no access key, and ${neededBy} needs one.`,
      hint: hasHalf
        ? `Set ${missing}, or unset the other half.`
        : "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    });
  }
  const sessionToken = env["AWS_SESSION_TOKEN"] || undefined;
  const end = new Date(env["AWS_CREDENTIAL_EXPIRATION"] || Number.NaN);
  const expiration = Number.isNaN(end.getTime()) ? undefined : end;
  return { accessKeyId, secretAccessKey, sessionToken, expiration };
}
