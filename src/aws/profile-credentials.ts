// Gets the credentials of a profile. The role chain is walked here and not by the SDK, because each role on it is looked up
// in the AWS CLI's cache before anything below it is asked; what stands at the chain's end is the SDK's affair (fromIni).
// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html

import { RdsIamError } from "../base/errors.ts";
import { type AwsKeys, stsRegion, type StsPlace } from "./assume-role.ts";
import { environmentKeys } from "./environment-keys.ts";
import { identityError } from "./errors.ts";
import { checkProfile, hasStaticKeys, profileChain } from "./profile-check.ts";
import type { ProfileFiles, ProfileKeys } from "./profile-files.ts";
import { type RoleContext, roleCredentials } from "./role-credentials.ts";
import { type IdentityContext } from "./sdk-error.ts";
import { type AwsCalls, SDK_LOGGER, sdkClientOptions } from "./sdk.ts";

/** What a profile's credentials are made from. */
export interface ProfileContext extends Omit<RoleContext, "place"> {
  readonly files: ProfileFiles;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly fallbackRegion: string | undefined;
  readonly defaultSessionName: string;
  /** The profile whose settings count; the one that is asked when absent. */
  readonly configProfile: string | undefined;
  readonly awsTimeout: number | undefined;
}

/** A profile's credentials, and how they came to be. */
export interface ProfileCredentials extends AwsKeys {
  readonly cached: boolean;
  /** Whether they stand in a file as they are, and may change there without notice. */
  readonly fromFile: boolean;
}

// The instance metadata service is next door: it answers at once or it is not there. It is asked twice (for a session
// token and, without one, in the old way), and may cost a second in all.
const METADATA_TIMEOUT = 450;

/** The options of the metadata providers. */
export const METADATA_OPTIONS = { timeout: METADATA_TIMEOUT, maxRetries: 0 } as const;

/** Checks a profile and gets its credentials; every failure is an RdsIamError. */
export async function profileCredentials(
  profile: string,
  context: ProfileContext,
): Promise<ProfileCredentials> {
  checkProfile(profile, context.files);
  try {
    return await resolve(profile, { top: profile, isSource: false }, context);
  } catch (error) {
    throw identityError(error, identityContext(profile, context));
  }
}

/** Where a profile's STS calls go. */
export function stsPlace(profile: string | undefined, context: ProfileContext): StsPlace {
  return { ...awsCalls(profile, context), fallbackRegion: context.fallbackRegion, profile };
}

/** How AWS is called for a profile. */
export function awsCalls(
  profile: string | undefined,
  context: Pick<ProfileContext, "awsTimeout" | "configProfile" | "env" | "files">,
): AwsCalls {
  const { awsTimeout, env, files } = context;
  const configProfile = context.configProfile ?? profile;
  const profileKeys = files.profiles.get(configProfile ?? "default") ?? {};
  return { env, configProfile, profileKeys, services: files.services, awsTimeout };
}

interface Step {
  /** The profile that was asked for: STS is called in its region, as the AWS CLI does. */
  readonly top: string;
  /** Whether another profile names this one as its source. */
  readonly isSource: boolean;
}

async function resolve(
  name: string,
  step: Step,
  context: ProfileContext,
): Promise<ProfileCredentials> {
  const keys = context.files.profiles.get(name) ?? {};
  const { source_profile, credential_source, role_arn } = keys;
  if (hasStaticKeys(keys) && (step.isSource || role_arn === undefined)) {
    return { ...staticKeys(keys), cached: false, fromFile: true };
  }
  const source = source_profile ?? credential_source;
  if (role_arn !== undefined && source !== undefined) {
    const role = await roleCredentials(
      {
        roleArn: role_arn,
        sessionName: keys["role_session_name"],
        defaultSessionName: context.defaultSessionName,
        externalId: keys["external_id"],
        durationSeconds: seconds(keys["duration_seconds"]),
        mfaSerial: keys["mfa_serial"],
      },
      () =>
        source_profile === undefined
          ? fromSource(source, name, context)
          : resolve(source_profile, { ...step, isSource: true }, context),
      { ...context, place: stsPlace(step.top, context) },
    );
    return { ...role, fromFile: false };
  }
  const found =
    credential_source !== undefined && role_arn === undefined
      ? await fromSource(credential_source, name, context)
      : await fromSdk(name, context);
  return { ...found, cached: false, fromFile: false };
}

// Static keys of a profile whose role the SDK would assume are taken by hand: fromIni would give the role.
function staticKeys(keys: ProfileKeys): AwsKeys {
  return {
    accessKeyId: keys["aws_access_key_id"] ?? "",
    secretAccessKey: keys["aws_secret_access_key"] ?? "",
    sessionToken: keys["aws_session_token"],
  };
}

async function fromSdk(profile: string, context: ProfileContext): Promise<AwsKeys> {
  const client = await sdkClientOptions(awsCalls(profile, context));
  const role = context.files.profiles.get(profile)?.["role_arn"] ?? "";
  const { fromIni } = await import("@aws-sdk/credential-providers");
  const provider = fromIni({
    profile,
    ...context.files.paths,
    // A profile that was logged in since the last call is read anew.
    ignoreCache: true,
    logger: client.logger,
    // No region here: it would win over sso_region. The web identity call takes it from parentClientConfig.
    clientConfig: client,
    parentClientConfig: {
      ...client,
      region: async () => stsRegion(role, stsPlace(profile, context)),
    },
  });
  try {
    return keysOf(await provider());
  } catch (error) {
    throw client.requestHandler.failure ?? error;
  }
}

// credential_source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
async function fromSource(
  source: string,
  profile: string,
  context: ProfileContext,
): Promise<AwsKeys> {
  if (source === "Environment") {
    return environmentKeys(context.env, `credential_source of profile "${profile}"`);
  }
  const isContainer = source === "EcsContainer";
  try {
    return keysOf(await (isContainer ? fromContainer(context.env) : fromInstance()));
  } catch (error) {
    throw identityError(error, {
      ...identityContext(profile, context),
      endpoint: `the ${isContainer ? "container" : "instance"} metadata service`,
      networkHint: `credential_source = ${source} of profile "${profile}" works on ${isContainer ? "ECS and EKS" : "EC2 instances"} only.`,
    });
  }
}

async function fromInstance() {
  const { fromInstanceMetadata } = await import("@aws-sdk/credential-providers");
  return fromInstanceMetadata({ ...METADATA_OPTIONS, logger: SDK_LOGGER })();
}

async function fromContainer(env: ProfileContext["env"]) {
  const { fromContainerMetadata, fromHttp } = await import("@aws-sdk/credential-providers");
  const options = { ...METADATA_OPTIONS, logger: SDK_LOGGER };
  return env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] || env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
    ? fromHttp(options)()
    : fromContainerMetadata(options)();
}

// A credential_process, or somebody's hand in a login's file, can give anything.
function keysOf({ accessKeyId, secretAccessKey, sessionToken, expiration }: AwsKeys): AwsKeys {
  const texts = [accessKeyId, secretAccessKey, sessionToken ?? "-"];
  const isText = texts.every((text) => typeof text === "string" && text !== "");
  if (!isText || Number.isNaN(expiration?.getTime() ?? 0)) {
    throw new RdsIamError("what should be credentials is none", {
      code: "ERR_CREDENTIALS",
      detail: `The source of the credentials gave ${isText ? "an Expiration that is no time" : "a key that is no text"}.`,
      hint: "Check the profile's credential_process, or log in again.",
    });
  }
  return { accessKeyId, secretAccessKey, sessionToken, expiration };
}

function seconds(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function identityContext(profile: string, context: ProfileContext): IdentityContext {
  const { profiles } = context.files;
  const login = profileChain(profile, context.files).find((name) => {
    const keys = profiles.get(name);
    return keys?.["sso_session"] ?? keys?.["sso_start_url"] ?? keys?.["login_session"];
  });
  const isLogin = login !== undefined && profiles.get(login)?.["login_session"] !== undefined;
  return {
    profile,
    loginProfile: login,
    loginCommand: isLogin ? "aws login" : "aws sso login",
    secrets: [...profiles.values()].flatMap((keys) => [
      keys["aws_secret_access_key"],
      keys["aws_session_token"],
    ]),
  };
}
