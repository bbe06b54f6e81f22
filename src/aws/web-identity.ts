// Credentials from the environment's web identity: the file that Kubernetes and CI systems put there for a role.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html

import { type AwsKeys, stsRegion } from "./assume-role.ts";
import { stsEndpointOptions } from "./endpoints.ts";
import { identityError } from "./errors.ts";
import { type ProfileContext, stsPlace } from "./profile-credentials.ts";
import { sdkClientOptions } from "./sdk.ts";

/**
 * Whether AWS_WEB_IDENTITY_TOKEN_FILE counts where no profile is meant. The AWS CLI's order: a role of the default profile,
 * this, all else of the default profile.
 */
export function hasWebIdentity({ env, files }: Pick<ProfileContext, "env" | "files">): boolean {
  const keys = files.profiles.get("default");
  const isRole =
    keys?.["role_arn"] !== undefined &&
    (keys["source_profile"] ?? keys["credential_source"]) !== undefined;
  return Boolean(env["AWS_WEB_IDENTITY_TOKEN_FILE"] && env["AWS_ROLE_ARN"]) && !isRole;
}

/** Assumes AWS_ROLE_ARN with AWS_WEB_IDENTITY_TOKEN_FILE; every failure is an RdsIamError. */
export async function webIdentityCredentials(
  context: ProfileContext,
): Promise<AwsKeys & { readonly source: string }> {
  const { env } = context;
  const roleArn = env["AWS_ROLE_ARN"] ?? "";
  const place = stsPlace(undefined, context);
  const region = stsRegion(roleArn, place);
  const where = stsEndpointOptions(place);
  const client = await sdkClientOptions(place);
  const { fromTokenFile } = await import("@aws-sdk/credential-providers");
  const provider = fromTokenFile({
    webIdentityTokenFile: env["AWS_WEB_IDENTITY_TOKEN_FILE"] ?? "",
    roleArn,
    roleSessionName: env["AWS_ROLE_SESSION_NAME"] || context.defaultSessionName,
    logger: client.logger,
    clientConfig: { ...client, ...where, region },
  });
  try {
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await provider();
    const source = `${roleArn} assumed with AWS_WEB_IDENTITY_TOKEN_FILE`;
    return { accessKeyId, secretAccessKey, sessionToken, expiration, source };
  } catch (error) {
    const endpoint = where.endpoint ?? `STS in ${region}`;
    const told = { profile: undefined, roleArn, endpoint };
    throw identityError(client.requestHandler.failure ?? error, told);
  }
}
