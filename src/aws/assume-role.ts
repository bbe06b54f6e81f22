// One AssumeRole call to STS: for a profile's own role_arn and for rds_role_arn.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html

import { RdsIamError } from "../base/errors.ts";
import { partitionOf, PARTITIONS } from "../base/partitions.ts";
import { identityError } from "./errors.ts";
import { stsEndpointOptions } from "./endpoints.ts";
import { type AwsCalls, sdkClientOptions } from "./sdk.ts";

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

/** The parameters of AssumeRole, in STS's own words. */
export interface AssumeRoleParameters {
  readonly RoleArn: string;
  readonly RoleSessionName: string | undefined;
  readonly ExternalId?: string | undefined;
  readonly DurationSeconds?: number | undefined;
  readonly SerialNumber?: string | undefined;
  readonly TokenCode?: string | undefined;
}

/** Where STS is called. */
export interface StsPlace extends AwsCalls {
  /** A Region of the partition that the database is in, for when nothing else says one. */
  readonly fallbackRegion: string | undefined;
  /** For messages. */
  readonly profile: string | undefined;
}

const PRELOAD_DELAY = 5_000; // ms; the start is over

/**
 * Loads what a call of STS needs, in a while: a run whose first credentials are cached may call hours later, when an update of
 * rdsiam has taken this version's files away.
 */
export function preloadSts(): void {
  const load = (): void => {
    Promise.all([import("@aws-sdk/client-sts"), import("./request-handler.ts")]).catch(() => {});
  };
  setTimeout(load, PRELOAD_DELAY).unref();
}

/** Assumes a role with the given credentials; every failure is an RdsIamError. */
export async function assumeRole(
  source: AwsKeys,
  parameters: AssumeRoleParameters,
  place: StsPlace,
): Promise<AssumedRole> {
  const roleArn = parameters.RoleArn;
  const region = stsRegion(roleArn, place);
  const where = stsEndpointOptions(place);
  const { STSClient, AssumeRoleCommand } = await import("@aws-sdk/client-sts");
  const client = new STSClient({
    ...(await sdkClientOptions(place)),
    ...where,
    region,
    credentials: signingKeys(source),
  });
  try {
    const command = new AssumeRoleCommand({
      ...parameters,
      RoleSessionName: parameters.RoleSessionName,
    });
    return readAnswer(await client.send(command));
  } catch (error) {
    throw identityError(error, {
      profile: place.profile,
      roleArn,
      externalId: parameters.ExternalId,
      mfaSerial: parameters.SerialNumber,
      endpoint: where.endpoint ?? `STS in ${region}`,
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

/** The Region to call STS in: the environment's, the profile's, the database's; never one of another partition. */
export function stsRegion(roleArn: string, place: StsPlace): string {
  const { env, fallbackRegion, profileKeys = {} } = place;
  const named = /^arn:([\w-]+):/.exec(roleArn)?.[1];
  const partition = PARTITIONS.find(({ name }) => name === (named ?? "aws"));
  // As in the AWS CLI the environment wins over the profile.
  const configured = [
    env["AWS_REGION"],
    env["AWS_DEFAULT_REGION"],
    profileKeys["region"],
    fallbackRegion,
  ];
  // A partition that is not in the table has Regions whose names do not show it.
  const isUsable = (region: string | undefined): boolean =>
    Boolean(region) &&
    (named === undefined || partition === undefined || partitionOf(region ?? "") === partition);
  const region = configured.find(isUsable) ?? partition?.region;
  if (region === undefined) {
    throw new RdsIamError(`no Region to call STS in for ${roleArn}`, {
      code: "ERR_REGION",
      detail: `The profile has no region, and the partition ${named} has no known one.`,
      hint: "Set region in the profile, or AWS_REGION.",
    });
  }
  return region;
}

/** The part of credentials that an SDK client signs with. */
export function signingKeys(source: AwsKeys) {
  const keys = { accessKeyId: source.accessKeyId, secretAccessKey: source.secretAccessKey };
  return source.sessionToken ? { ...keys, sessionToken: source.sessionToken } : keys;
}

interface StsAnswer {
  readonly Credentials?:
    | {
        readonly AccessKeyId?: string | undefined;
        readonly SecretAccessKey?: string | undefined;
        readonly SessionToken?: string | undefined;
        readonly Expiration?: Date | undefined;
      }
    | undefined;
  readonly AssumedRoleUser?:
    | { readonly Arn?: string | undefined; readonly AssumedRoleId?: string | undefined }
    | undefined;
}

function readAnswer({ Credentials, AssumedRoleUser }: StsAnswer): AssumedRole {
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {};
  if (
    !AccessKeyId ||
    !SecretAccessKey ||
    !SessionToken ||
    Expiration === undefined ||
    Number.isNaN(Expiration.getTime())
  ) {
    throw new Error("Invalid response from STS");
  }
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    expiration: Expiration,
    user: { arn: AssumedRoleUser?.Arn, id: AssumedRoleUser?.AssumedRoleId },
  };
}
