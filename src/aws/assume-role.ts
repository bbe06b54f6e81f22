// One AssumeRole call to STS: for a profile's own role_arn (the SDK's fromIni calls it) and for rds_role_arn.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html

import { RdsIamError } from "../errors.ts";
import { identityError } from "./errors.ts";
import { AWS_TIME_LIMITS, sdkClientOptions } from "./sdk.ts";

/** Temporary or long-term AWS credentials, in the SDK's own words. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
}

/** The parameters of AssumeRole, in STS's own words. */
export interface AssumeRoleParameters {
  readonly RoleArn: string | undefined;
  readonly RoleSessionName: string | undefined;
  readonly ExternalId?: string | undefined;
  readonly DurationSeconds?: number | undefined;
  readonly SerialNumber?: string | undefined;
  readonly TokenCode?: string | undefined;
}

/** Where STS is called. */
export interface StsPlace {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The profile's region, if it has one. */
  readonly profileRegion: string | undefined;
  /** A Region of the partition that the database is in, for when nothing else says one. */
  readonly fallbackRegion: string | undefined;
  /** For messages. */
  readonly profile: string | undefined;
}

// A Region of each partition, for a role whose ARN is all that is known. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
const PARTITION_REGION: Readonly<Record<string, string>> = {
  aws: "us-east-1",
  "aws-cn": "cn-north-1",
  "aws-us-gov": "us-gov-west-1",
  "aws-eusc": "eusc-de-east-1",
};

/** Assumes a role with the given credentials; every failure is an RdsIamError. */
export async function assumeRole(
  source: AwsKeys,
  parameters: AssumeRoleParameters,
  place: StsPlace,
): Promise<AwsKeys> {
  const roleArn = parameters.RoleArn ?? "";
  const endpoint = stsEndpoint(place.env);
  const region = stsRegion(roleArn, place);
  const { STSClient, AssumeRoleCommand } = await import("@aws-sdk/client-sts");
  const client = new STSClient({
    ...sdkClientOptions(),
    region,
    credentials: signingKeys(source),
    ...(endpoint === undefined ? {} : { endpoint }),
  });
  try {
    const command = new AssumeRoleCommand({
      ...parameters,
      RoleArn: roleArn,
      RoleSessionName: parameters.RoleSessionName,
    });
    const answer = await client.send(command, {
      abortSignal: AbortSignal.timeout(AWS_TIME_LIMITS.whole),
    });
    return readAnswer(answer.Credentials);
  } catch (error) {
    throw identityError(error, {
      profile: place.profile,
      roleArn,
      endpoint: endpoint ?? `STS in ${region}`,
      secrets: [source.secretAccessKey, source.sessionToken, parameters.TokenCode],
    });
  } finally {
    client.destroy();
  }
}

/** The name of a role session for an OS user: `rdsiam-USER`, cleaned to what STS allows. */
export function roleSessionName(osUser: string): string {
  return `rdsiam-${osUser.replaceAll(/[^\w+=,.@-]/g, "-")}`.slice(0, 64).replace(/-$/, "");
}

/** AWS_ENDPOINT_URL_STS, else AWS_ENDPOINT_URL, unless AWS_IGNORE_CONFIGURED_ENDPOINT_URLS says no. */
export function stsEndpoint(env: Readonly<Record<string, string | undefined>>): string | undefined {
  if (env["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] === "true") {
    return undefined;
  }
  return env["AWS_ENDPOINT_URL_STS"] || env["AWS_ENDPOINT_URL"] || undefined;
}

/** The Region to call STS in; a guess stays in the partition that the role's ARN names. */
export function stsRegion(roleArn: string, place: StsPlace): string {
  const told =
    place.profileRegion ??
    (place.env["AWS_REGION"] || place.env["AWS_DEFAULT_REGION"] || undefined);
  const partition = /^arn:([\w-]+):/.exec(roleArn)?.[1] ?? "aws";
  const guessed = Object.hasOwn(PARTITION_REGION, partition)
    ? PARTITION_REGION[partition]
    : undefined;
  const region = told ?? place.fallbackRegion ?? guessed;
  if (region === undefined) {
    throw new RdsIamError(`no Region to call STS in for ${roleArn}`, {
      code: "ERR_REGION",
      detail: `The profile has no region and the partition ${partition} has no known one.`,
      hint: "Set region in the profile, or AWS_REGION.",
    });
  }
  return region;
}

function signingKeys(source: AwsKeys) {
  const keys = { accessKeyId: source.accessKeyId, secretAccessKey: source.secretAccessKey };
  return source.sessionToken ? { ...keys, sessionToken: source.sessionToken } : keys;
}

interface StsCredentials {
  readonly AccessKeyId?: string | undefined;
  readonly SecretAccessKey?: string | undefined;
  readonly SessionToken?: string | undefined;
  readonly Expiration?: Date | undefined;
}

function readAnswer(answer: StsCredentials | undefined): AwsKeys {
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = answer ?? {};
  if (!AccessKeyId || !SecretAccessKey || !SessionToken) {
    throw new Error("Invalid response from STS");
  }
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    expiration: Expiration,
  };
}
