// Gets credentials from the source that was chosen. The role chain is followed here and not by the SDK, because each role on it
// is looked up in the AWS CLI's cache before anything below it is called.
// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html

import type { Environment } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { type RoleContext, roleCredentials, type StsCalls, stsRegion } from "./assume-role.ts";
import type { ChosenSource } from "./choose-source.ts";
import { stsEndpointOptions } from "./endpoints.ts";
import { type AwsKeys, checkedKeys, ENVIRONMENT } from "./keys.ts";
import { processCredentials, type ProcessSurroundings } from "./process-credentials.ts";
import { placeOf, type ProfileFiles, type ProfileValue } from "./profile-files.ts";
import { type AwsCalls, SDK_LOGGER, sdkClientOptions, sdkFiles } from "./sdk.ts";
import { type IdentityContext, identityError, readError } from "./sdk-error.ts";
import type { AskSsoLogin, TokenContext } from "./sso-token.ts";

/** What credentials are made from. */
export interface SourceContext extends RoleContext {
  readonly files: ProfileFiles;
  readonly env: Environment;
  readonly fallbackRegion: string | undefined;
  /** The profile whose settings apply; the one with the credentials when absent. */
  readonly configProfile: string | undefined;
  readonly awsTimeout: number | undefined;
  readonly processSurroundings: ProcessSurroundings | undefined;
  readonly askSsoLogin: AskSsoLogin | undefined;
  readonly onWait: TokenContext["onWait"];
}

/** Credentials, and how they came to be. */
export interface SourceCredentials extends AwsKeys {
  readonly cached?: boolean;
  /** Whether they are in a file as they are, and may change there without notice. */
  readonly fromFile?: boolean;
}

// The instance metadata service is next door: it answers at once or it is not there. It is called twice (for a session
// token and, without one, in the old way), and may cost a second in all, unless the AWS CLI's settings say otherwise.
const INSTANCE_TIMEOUT = 450;

// A container's server is named, so that it is there; botocore gives it two seconds too.
const CONTAINER_OPTIONS = { timeout: 2_000, maxRetries: 1 } as const;

/** How STS is called for a profile. */
export function stsCalls(profile: string | undefined, context: SourceContext): StsCalls {
  return { ...awsCalls(profile, context), fallbackRegion: context.fallbackRegion, profile };
}

/** How AWS is called for a profile. */
export function awsCalls(
  profile: string | undefined,
  context: Pick<SourceContext, "awsTimeout" | "configProfile" | "env" | "files">,
): AwsCalls {
  const { awsTimeout, env, files } = context;
  const configProfile = context.configProfile ?? profile;
  const name = configProfile ?? "default";
  return {
    env,
    configProfile,
    profileValues: files.profiles.get(name),
    services: files.services,
    sdkText: files.sdkFile([name]).text,
    awsTimeout,
  };
}

/** The profile that credentials are got for. */
interface Step {
  /** The first profile of the chain: STS is called in its region, as the AWS CLI does. Undefined where none is named. */
  readonly top: string | undefined;
  /** Whether a credential_source names the source. */
  readonly isNamed: boolean;
}

/** Gets the credentials of a source; every failure is an RdsIamError. */
export async function sourceCredentials(
  source: ChosenSource,
  top: string | undefined,
  context: SourceContext,
): Promise<SourceCredentials> {
  try {
    return await resolve(source, { top, isNamed: false }, context);
  } catch (error) {
    throw identityError(error, identityContext(source, top, context));
  }
}

async function resolve(
  source: ChosenSource,
  step: Step,
  context: SourceContext,
): Promise<SourceCredentials> {
  switch (source.method) {
    case "env":
      return checkedKeys(source, ENVIRONMENT);
    case "shared-credentials-file":
    case "config-file":
    case "ec2-credentials-file":
    case "boto-config":
      return { ...checkedKeys(source, placeOf(source.place, context.files)), fromFile: true };
    case "assume-role": {
      const from = () => resolve(source.from, { ...step, isNamed: true }, context);
      return roleCredentials(source, from, context, stsCalls(step.top, context));
    }
    case "assume-role-with-web-identity":
      return webIdentityKeys(source, step, context);
    case "sso": {
      const { askSsoLogin: askLogin, files, note, onWait } = context;
      refuseLost(source.profile, files.sdkFile([source.profile]).lost, files);
      const { ssoKeys } = await import("./sso-keys.ts");
      const calls = awsCalls(source.profile, context);
      return ssoKeys(source, files, { calls, askLogin, note, onWait });
    }
    case "login":
      return loginKeys(source, context);
    case "custom-process": {
      const { command, profile } = source;
      const key = context.files.profiles.get(profile)?.get("credential_process");
      const place = placeOf(key, context.files);
      const surroundings = context.processSurroundings;
      return processCredentials({ command, profile, place, env: context.env, surroundings });
    }
    case "container-role":
    case "iam-role":
      // It sets up what these providers look up by themselves.
      await sdkClientOptions(awsCalls(step.top, context));
      return source.method === "iam-role" ? instanceKeys(step, context) : containerKeys(context);
  }
}

// The file that Kubernetes and CI systems write for a role.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
async function webIdentityKeys(
  { roleArn, sessionName, tokenFile }: ChosenSource & { method: "assume-role-with-web-identity" },
  { top }: Step,
  context: SourceContext,
): Promise<AwsKeys> {
  const calls = stsCalls(top, context);
  const region = stsRegion(roleArn, calls);
  const where = stsEndpointOptions(calls);
  const client = await sdkClientOptions(calls);
  const { fromTokenFile } = await import("@aws-sdk/credential-providers");
  try {
    const keys = await fromTokenFile({
      webIdentityTokenFile: tokenFile,
      roleArn,
      roleSessionName: sessionName || context.defaultSessionName,
      logger: client.logger,
      clientConfig: { ...client, ...where, region },
    })();
    return checkedKeys(keys, "STS");
  } catch (error) {
    const endpoint = where.endpoint ?? `STS in ${region}`;
    throw identityError(client.requestHandler.failure ?? error, {
      profile: top,
      roleArn,
      endpoint,
    });
  }
}

// A login that `aws login` keeps in a file, and that the SDK renews.
async function loginKeys(
  { profile }: ChosenSource & { method: "login" },
  context: SourceContext,
): Promise<AwsKeys> {
  const { files } = context;
  const { text, lost } = files.sdkFile([profile]);
  refuseLost(profile, lost, files);
  const calls = stsCalls(profile, context);
  const client = await sdkClientOptions(calls);
  const { fromLoginCredentials } = await import("@aws-sdk/credential-providers");
  const provider = fromLoginCredentials({
    profile,
    ...(await sdkFiles(profile, text)),
    // A profile that was logged in since the last call is read anew.
    ignoreCache: true,
    logger: client.logger,
    clientConfig: client,
    parentClientConfig: { ...client, region: async () => stsRegion("", calls) },
  });
  try {
    return checkedKeys(await provider(), `the login of profile "${profile}"`);
  } catch (error) {
    throw client.requestHandler.failure ?? error;
  }
}

const LOGIN_KEY = /^(?:sso_|login_session$)/;

// A value that the SDK would read as another one must not choose an account.
function refuseLost(profile: string, lost: readonly ProfileValue[], files: ProfileFiles): void {
  const values = files.profiles.get(profile);
  const session = files.ssoSessions.get(values?.get("sso_session")?.text ?? "");
  for (const [key, value] of [...(values ?? []), ...(session ?? [])]) {
    if (!LOGIN_KEY.test(key) || !lost.includes(value)) continue;
    throw new RdsIamError(`${key} of profile "${profile}" is not a valid value`, {
      code: "ERR_CREDENTIALS",
      detail: `It is empty, has a " #" or " ;", or more than one line, in ${placeOf(value, files)}.`,
      hint: "Correct that line: this file allows no comment after a value.",
    });
  }
}

// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
async function containerKeys({ env }: SourceContext): Promise<AwsKeys> {
  const relative = env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
  const full = env["AWS_CONTAINER_CREDENTIALS_FULL_URI"];
  const token = env["AWS_CONTAINER_AUTHORIZATION_TOKEN"];
  const tokenFile = env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];
  const variable = `AWS_CONTAINER_CREDENTIALS_${relative ? "RELATIVE" : "FULL"}_URI`;
  const { fromHttp } = await import("@aws-sdk/credential-providers");
  try {
    const provider = fromHttp({
      ...CONTAINER_OPTIONS,
      logger: SDK_LOGGER,
      ...(relative ? { awsContainerCredentialsRelativeUri: relative } : {}),
      ...(full ? { awsContainerCredentialsFullUri: full } : {}),
      ...(token ? { awsContainerAuthorizationToken: token } : {}),
      ...(tokenFile ? { awsContainerAuthorizationTokenFile: tokenFile } : {}),
    });
    return checkedKeys(await provider(), variable);
  } catch (error) {
    if (error instanceof RdsIamError) throw error;
    const host = relative ? "169.254.170.2" : hostOf(full ?? "");
    const { codes, text } = readError(error, [token]);
    const status = /responded with status: (\d+)/.exec(text)?.[1];
    const fileCode = codes.find((code) => /^(?:EACCES|EISDIR|ENOENT|ENOTDIR)$/.test(code));
    const [problem, hint] =
      fileCode !== undefined
        ? [
            `The file of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, ${tokenFile}, cannot be read: ${fileCode}.`,
            "Put the file there, or correct AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE.",
          ]
        : status !== undefined
          ? [
              `${host} answered with HTTP status ${status}.`,
              "Check AWS_CONTAINER_AUTHORIZATION_TOKEN, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE and the role of the container.",
            ]
          : /URL not accepted/.test(text)
            ? [
                `${host} is neither this machine nor the server of ECS or EKS, and the URL is not https.`,
                `Use https in ${variable}, or unset it.`,
              ]
            : /JSON|Unexpected|required format|Invalid URL/.test(text)
              ? [`The answer of ${host} is not AWS credentials.`, `Check ${variable}, or unset it.`]
              : text.includes("ERR_INVALID_CHAR")
                ? [
                    `${tokenFile ? "The text of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" : "AWS_CONTAINER_AUTHORIZATION_TOKEN"} has a line break or another character in it that a token cannot have.`,
                    "Correct it; a file must end without a line break.",
                  ]
                : [`${host}: ${text}`, `Check ${variable}, or unset it where no container runs.`];
    throw new RdsIamError(`the credentials server in ${variable} failed`, {
      code: "ERR_CREDENTIALS",
      detail: problem,
      hint,
    });
  }
}

function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return "its URL is not valid: the host";
  }
}

// https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html
async function instanceKeys({ isNamed, top }: Step, context: SourceContext): Promise<AwsKeys> {
  const { configProfile, env } = context;
  const isDisabled = env["AWS_EC2_METADATA_DISABLED"]?.toLowerCase() === "true";
  if (isDisabled) {
    if (!isNamed) throw noCredentials(configProfile);
    throw new RdsIamError("the instance metadata service is switched off", {
      code: "ERR_CREDENTIALS",
      detail: `credential_source = Ec2InstanceMetadata needs it, and AWS_EC2_METADATA_DISABLED is set.`,
      hint: "Unset AWS_EC2_METADATA_DISABLED, or use another credential_source.",
    });
  }
  const { fromInstanceMetadata } = await import("@aws-sdk/credential-providers");
  try {
    const seconds = metadataSetting("timeout", top, context);
    const attempts = metadataSetting("num_attempts", top, context) ?? 1;
    const keys = await fromInstanceMetadata({
      timeout: seconds === undefined ? INSTANCE_TIMEOUT : seconds * 1_000,
      maxRetries: attempts - 1,
      logger: SDK_LOGGER,
    })();
    return checkedKeys(keys, "the instance metadata service");
  } catch (error) {
    if (error instanceof RdsIamError) throw error;
    const { statusCode } = error as { readonly statusCode?: number };
    if (!isNamed) throw noCredentials(configProfile, statusCode);
    const status = statusCode === undefined ? "" : ` answered with HTTP status ${statusCode}`;
    throw identityError(error, {
      profile: top,
      endpoint: `the instance metadata service${status}`,
      networkHint: "credential_source = Ec2InstanceMetadata works on EC2 instances only.",
    });
  }
}

// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ec2-instance-metadata.html
function metadataSetting(
  name: "num_attempts" | "timeout",
  top: string | undefined,
  { configProfile, env, files }: SourceContext,
): number | undefined {
  const key = `metadata_service_${name}`;
  const variable = `AWS_${key.toUpperCase()}`;
  const value = files.profiles.get(configProfile ?? top ?? "default")?.get(key);
  const text = env[variable] || value?.text;
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw new RdsIamError(`${env[variable] ? variable : key} must be a whole number from 1 to 999`, {
    code: "ERR_CONFIG",
    detail: `It is ${JSON.stringify(text)}${env[variable] ? "" : `, in ${placeOf(value, files)}`}.`,
  });
}

function noCredentials(profile: string | undefined, status?: number): RdsIamError {
  const answer = status === undefined ? "" : ` (it answered with HTTP status ${status})`;
  return new RdsIamError("no AWS credentials", {
    code: "ERR_CREDENTIALS",
    detail: `Neither the environment nor ${profile === undefined ? "a default profile" : `profile "${profile}"`} nor a metadata service${answer} has any.`,
    hint: "Name a profile with {--profile} NAME, or log in: rdsiam login",
  });
}

function identityContext(
  source: ChosenSource,
  profile: string | undefined,
  { files }: SourceContext,
): IdentityContext {
  let last = source;
  while (last.method === "assume-role") last = last.from;
  return {
    profile,
    loginProfile: last.method === "login" || last.method === "sso" ? last.profile : undefined,
    loginCommand: last.method === "login" ? "aws login" : "aws sso login",
    secrets: [...files.profiles.values()].flatMap((values) => [
      values.get("aws_secret_access_key")?.text,
      values.get("aws_session_token")?.text,
    ]),
  };
}
