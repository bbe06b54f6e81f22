// Gets the credentials of a profile. The role chain is followed here and not by the SDK, because each role on it is looked up
// in the AWS CLI's cache before anything below it is called; what is at the chain's end is the SDK's business (fromIni).
// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html

import type { Environment } from "../base/context.ts";
import { type RoleContext, roleCredentials, type StsCalls, stsRegion } from "./assume-role.ts";
import { type AwsKeys, checkedKeys, environmentKeys } from "./keys.ts";
import { checkProfile, hasStaticKeys, profileChain } from "./profile-check.ts";
import type { ProfileFiles } from "./profile-files.ts";
import { type AwsCalls, SDK_LOGGER, sdkClientOptions } from "./sdk.ts";
import { type IdentityContext, identityError } from "./sdk-error.ts";

/** What a profile's credentials are made from. */
export interface ProfileContext extends RoleContext {
  readonly files: ProfileFiles;
  readonly env: Environment;
  readonly fallbackRegion: string | undefined;
  /** The profile whose settings apply; the one with the credentials when absent. */
  readonly configProfile: string | undefined;
  readonly awsTimeout: number | undefined;
}

/** A profile's credentials, and how they came to be. */
export interface ProfileCredentials extends AwsKeys {
  readonly cached?: boolean;
  /** Whether they are in a file as they are, and may change there without notice. */
  readonly fromFile?: boolean;
}

// The instance metadata service is next door: it answers at once or it is not there. It is called twice (for a session
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

/** How STS is called for a profile. */
export function stsCalls(profile: string | undefined, context: ProfileContext): StsCalls {
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
  /** The first profile of the chain: STS is called in its region, as the AWS CLI does. */
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
  const { source_profile, credential_source, role_arn, duration_seconds } = keys;
  // Taken by hand: fromIni would give the role of a profile that has one.
  if (hasStaticKeys(keys) && (step.isSource || role_arn === undefined)) {
    return {
      accessKeyId: keys["aws_access_key_id"] ?? "",
      secretAccessKey: keys["aws_secret_access_key"] ?? "",
      sessionToken: keys["aws_session_token"],
      fromFile: true,
    };
  }
  const source = source_profile ?? credential_source;
  if (role_arn !== undefined && source !== undefined) {
    const parameters = {
      RoleArn: role_arn,
      RoleSessionName: keys["role_session_name"],
      ExternalId: keys["external_id"],
      DurationSeconds: duration_seconds === undefined ? undefined : Number(duration_seconds),
      SerialNumber: keys["mfa_serial"],
    };
    const sourceKeys = () =>
      source_profile === undefined
        ? fromSource(source, name, context)
        : resolve(source_profile, { ...step, isSource: true }, context);
    return roleCredentials(parameters, sourceKeys, context, stsCalls(step.top, context));
  }
  return credential_source !== undefined && role_arn === undefined
    ? fromSource(credential_source, name, context)
    : fromSdk(name, context);
}

async function fromSdk(profile: string, context: ProfileContext): Promise<AwsKeys> {
  const calls = stsCalls(profile, context);
  const client = await sdkClientOptions(calls);
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
    parentClientConfig: { ...client, region: async () => stsRegion(role, calls) },
  });
  try {
    return checkedKeys(await provider());
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
  const { env } = context;
  if (source === "Environment") {
    return environmentKeys(env, `credential_source of profile "${profile}"`);
  }
  const [kind, machines] =
    source === "EcsContainer" ? ["container", "ECS and EKS"] : ["instance", "EC2 instances"];
  try {
    const { fromContainerMetadata, fromHttp, fromInstanceMetadata } =
      await import("@aws-sdk/credential-providers");
    const isUrl =
      env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] || env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
    const containerProvider = isUrl ? fromHttp : fromContainerMetadata;
    const provider = kind === "container" ? containerProvider : fromInstanceMetadata;
    return checkedKeys(await provider({ ...METADATA_OPTIONS, logger: SDK_LOGGER })());
  } catch (error) {
    throw identityError(error, {
      ...identityContext(profile, context),
      endpoint: `the ${kind} metadata service`,
      networkHint: `credential_source = ${source} of profile "${profile}" works on ${machines} only.`,
    });
  }
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
