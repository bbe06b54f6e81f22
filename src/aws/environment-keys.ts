// Reads an access key from the environment.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-static-credentials.html

import { RdsIamError } from "../base/errors.ts";
import type { AwsKeys } from "./assume-role.ts";

/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Whether the environment has an access key, or one half of it. */
export function hasEnvironmentKeys(env: Environment): boolean {
  return Boolean(env["AWS_ACCESS_KEY_ID"] || env["AWS_SECRET_ACCESS_KEY"]);
}

/** The environment's access key; half of one, or none where `wantedBy` wants one, is an error. */
export function environmentKeys(env: Environment, wantedBy?: string): AwsKeys {
  const accessKeyId = env["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = env["AWS_SECRET_ACCESS_KEY"];
  if (!accessKeyId || !secretAccessKey) {
    const missing = accessKeyId ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID";
    const hasHalf = hasEnvironmentKeys(env);
    throw new RdsIamError(`${missing} is not set`, {
      code: "ERR_CREDENTIALS",
      detail: hasHalf
        ? "The environment has one half of an access key."
        : `The environment has no access key, and ${wantedBy ?? "somebody"} wants one.`,
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
