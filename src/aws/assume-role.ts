// The credentials of a role: from the AWS CLI's cache, else from STS, with an MFA code where the role needs one.
// The cache comes first, so that neither the source credentials nor a code are asked for while the role's own are good.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html

import { RdsIamError } from "../base/errors.ts";
import { partitionOf, PARTITIONS } from "../base/partitions.ts";
import { type AssumeRoleParameters, cliCacheKey, type RoleCache } from "./cli-cache.ts";
import { environmentRegions, stsEndpointOptions } from "./endpoints.ts";
import { type AssumedRole, type AwsKeys, signingKeys } from "./keys.ts";
import { type AwsCalls, sdkClientOptions } from "./sdk.ts";
import { identityError, isRefusedMfaCode } from "./sdk-error.ts";

/** How STS is called. */
export interface StsCalls extends AwsCalls {
  /** A Region of the partition that the database is in, for when nothing else says one. */
  readonly fallbackRegion: string | undefined;
  /** For messages. */
  readonly profile: string | undefined;
}

/** The role to assume. */
export interface RoleOptions {
  readonly roleArn: string;
  readonly externalId?: string | undefined;
  readonly sessionName?: string | undefined;
  readonly durationSeconds?: number | undefined;
  readonly mfaSerial?: string | undefined;
}

/** A question to the person with the MFA device. */
export interface MfaQuestion {
  /** The device: an ARN, or a serial number. */
  readonly serial: string;
  readonly roleArn: string;
  /** Why the code before this one was refused. */
  readonly refusal: RdsIamError | undefined;
}

/** Asks for the code of an MFA device; rejects where there is no one to ask. */
export type AskMfaCode = (question: MfaQuestion) => Promise<string>;

/** What getting a role's credentials depends on. */
export interface RoleContext {
  /** The session name of a role for which the user chose none. */
  readonly defaultSessionName: string;
  readonly askMfaCode: AskMfaCode | undefined;
  /** Undefined where nothing may be cached. */
  readonly cache: RoleCache | undefined;
  readonly note: (line: string) => void;
}

/** A role's credentials, and whether they are from the cache. */
export interface RoleCredentials extends AssumedRole {
  readonly cached: boolean;
}

// The first code, and two more after refusals.
const MFA_ATTEMPTS = 3;

/** Gets a role's credentials; `source` is called only where STS has to be. Every failure is an RdsIamError. */
export async function roleCredentials(
  wanted: RoleOptions,
  source: () => Promise<AwsKeys>,
  context: RoleContext,
  calls: StsCalls,
): Promise<RoleCredentials> {
  const { cache, note } = context;
  const { roleArn, mfaSerial: serial } = wanted;
  const parameters: AssumeRoleParameters = {
    RoleArn: roleArn,
    RoleSessionName: wanted.sessionName,
    ExternalId: wanted.externalId,
    DurationSeconds: wanted.durationSeconds,
    SerialNumber: serial,
  };
  const key = cliCacheKey(parameters);
  const cached = await cache?.read(key);
  if (cached !== undefined) {
    note(`${roleArn}: credentials from the AWS CLI's cache (${key}.json)`);
    preloadSts();
    return { ...cached, cached: true };
  }
  const RoleSessionName = wanted.sessionName ?? context.defaultSessionName;
  const keys = await source();
  const assume = (TokenCode?: string): Promise<AssumedRole> =>
    assumeRole(keys, { ...parameters, RoleSessionName, TokenCode }, calls);
  const role =
    serial === undefined
      ? await assume()
      : await assumeWithMfa(assume, { serial, roleArn, askMfaCode: context.askMfaCode });
  note(`${roleArn}: assumed, good until ${role.expiration.toISOString()}`);
  const failed = await cache?.write(key, role);
  if (failed !== undefined) {
    note(`${roleArn}: the AWS CLI's cache cannot be written: ${failed}`);
  }
  return { ...role, cached: false };
}

async function assumeWithMfa(
  assume: (code: string) => Promise<AssumedRole>,
  device: Omit<MfaQuestion, "refusal"> & Pick<RoleContext, "askMfaCode">,
): Promise<AssumedRole> {
  const { askMfaCode, serial, roleArn } = device;
  if (askMfaCode === undefined) {
    throw new RdsIamError(`${roleArn} needs an MFA code from ${serial}`, {
      code: "ERR_MFA",
      detail: "There is no terminal to ask for the code on.",
      hint: "Add {--mfa-code} CODE, or set RDSIAM_MFA_CODE.",
    });
  }
  for (let attempt = 1, refusal: RdsIamError | undefined; ; attempt++) {
    const code = await askMfaCode({ serial, roleArn, refusal });
    try {
      return await assume(code);
    } catch (error) {
      if (attempt === MFA_ATTEMPTS || !isRefusedMfaCode(error)) {
        throw error;
      }
      refusal = error;
    }
  }
}

const PRELOAD_DELAY = 5_000; // ms; the start is over

// Loads what a call of STS needs, in a while: a run whose first credentials are cached may call hours later, when an update
// of rdsiam has removed this version's files.
function preloadSts(): void {
  const load = (): void => {
    Promise.all([import("@aws-sdk/client-sts"), import("./request-handler.ts")]).catch(() => {});
  };
  setTimeout(load, PRELOAD_DELAY).unref();
}

async function assumeRole(
  source: AwsKeys,
  parameters: AssumeRoleParameters,
  calls: StsCalls,
): Promise<AssumedRole> {
  const roleArn = parameters.RoleArn;
  const region = stsRegion(roleArn, calls);
  const where = stsEndpointOptions(calls);
  const { STSClient, AssumeRoleCommand } = await import("@aws-sdk/client-sts");
  const client = new STSClient({
    ...(await sdkClientOptions(calls)),
    ...where,
    region,
    credentials: signingKeys(source),
  });
  try {
    const { Credentials, AssumedRoleUser } = await client.send(new AssumeRoleCommand(parameters));
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {};
    const isTime = Expiration !== undefined && !Number.isNaN(Expiration.getTime());
    if (!AccessKeyId || !SecretAccessKey || !SessionToken || !isTime) {
      throw new Error("Invalid response from STS");
    }
    return {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      expiration: Expiration,
      user: { arn: AssumedRoleUser?.Arn, id: AssumedRoleUser?.AssumedRoleId },
    };
  } catch (error) {
    throw identityError(error, {
      profile: calls.profile,
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
export function stsRegion(roleArn: string, calls: StsCalls): string {
  const { env, fallbackRegion, profileValues } = calls;
  const named = /^arn:([\w-]+):/.exec(roleArn)?.[1];
  const partition = PARTITIONS.find(({ name }) => name === (named ?? "aws"));
  // As in the AWS CLI the environment wins over the profile.
  const configured = [
    ...environmentRegions(env),
    profileValues?.get("region")?.text,
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
