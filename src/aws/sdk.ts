// How the AWS SDK is called: limits on every call, the environment's proxy and CA bundle, and nothing from it on the
// user's stderr. Its modules are imported where they are used, when they are used: `rdsiam list` must not pay for them.

import { join } from "node:path";
import process from "node:process";
import type { Environment } from "../base/context.ts";
import { homeDirectory } from "../system/directories.ts";
import { RdsIamError } from "../base/errors.ts";
import { loadCaBundle } from "./ca-bundle.ts";
import type { ProfileSections, ProfileValues } from "./profile-files.ts";

/** The default limit of one call to AWS with its retries, in seconds. */
export const DEFAULT_AWS_TIMEOUT = 15;

/**
 * Milliseconds that AWS allows between its clock and the one that signed.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
 */
export const MOST_SKEW = 300_000;

/** How AWS is called: environment, profile and time limit. */
export interface AwsCalls {
  readonly env: Environment;
  /** The profile whose region, ca_bundle and endpoints apply; not always the one with the credentials. */
  readonly configProfile?: string | undefined;
  /** Its values. */
  readonly profileValues?: ProfileValues | undefined;
  /** The [services NAME] sections. */
  readonly services?: ProfileSections | undefined;
  /** The profile in a config file that the SDK reads as the AWS CLI reads the real one. */
  readonly sdkText?: string | undefined;
  /** Seconds for one call with its retries; a third of it to connect. */
  readonly awsTimeout?: number | undefined;
}

// One retry: the SDK's three would outlast the whole limit.
const MAX_ATTEMPTS = 2;

const nothing = () => undefined;

/** The SDK's logger: it writes nothing. */
export const SDK_LOGGER = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
};

/** The client options that every SDK client gets; `requestHandler.failure` is the last network failure. */
export async function sdkClientOptions(calls: AwsCalls) {
  setSdkEnvironment(calls);
  await setSdkFiles(calls);
  const { AwsRequestHandler } = await import("./request-handler.ts");
  const whole = (calls.awsTimeout ?? DEFAULT_AWS_TIMEOUT) * 1_000;
  return {
    maxAttempts: MAX_ATTEMPTS,
    logger: SDK_LOGGER,
    requestHandler: new AwsRequestHandler({
      env: calls.env,
      bundle: await loadCaBundle(calls.env, calls.profileValues),
      limits: { connect: Math.ceil(whole / 3), whole },
    }),
  };
}

/** The body of an answer to a request handler, as text. */
export async function readText(body: unknown, longest: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > longest) throw new Error("the answer is too long");
  }
  return text;
}

let isGuest = false;

/** Leaves the environment of the process as it is, because it is another program's. */
export function leaveEnvironment(): void {
  isGuest = true;
}

// Three things the SDK takes from the process's own environment alone: that it must not warn about Node 20, the profile
// that the clients inside it (SSO, sign-in) read endpoint_url, [services] and FIPS from, and the home directory, without
// which it throws. Copy the environment for a child before the first call here.
function setSdkEnvironment({ configProfile }: AwsCalls): void {
  if (isGuest) return;
  // oxlint-disable-next-line no-restricted-properties -- written, never read: the SDK itself looks nowhere else
  const environment = process.env;
  environment["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";
  environment["HOME"] ||= homeDirectory(environment);
  if (configProfile === undefined) {
    delete environment["AWS_PROFILE"];
  } else {
    environment["AWS_PROFILE"] = configProfile;
  }
}

// The SDK's own parser disagrees with the AWS CLI about comments, capitals and quotes, and would take another identity or
// endpoint from the same files. So it finds what we have read of the profile, under the paths where it looks.
async function setSdkFiles({ env, sdkText = "" }: AwsCalls): Promise<void> {
  const { externalDataInterceptor, getHomeDir } = await import("@smithy/core/config");
  const home = sdkHome(getHomeDir);
  const files = [
    [env["AWS_CONFIG_FILE"] || join(home, ".aws", "config"), sdkText],
    [env["AWS_SHARED_CREDENTIALS_FILE"] || join(home, ".aws", "credentials"), ""],
  ] as const;
  for (const [path, text] of files) {
    externalDataInterceptor.interceptFile(path, text);
    externalDataInterceptor.interceptFile(path.replace(/^~(?=\/)/, home), text);
  }
}

function sdkHome(getHomeDir: () => string): string {
  try {
    return getHomeDir();
  } catch (cause) {
    throw new RdsIamError("this process has no home directory", {
      code: "ERR_CONFIG",
      detail: "Its user has no entry in passwd, and the AWS SDK reads no file without one.",
      hint: "Set HOME, to any directory.",
      cause,
    });
  }
}

/** Hands the text of a config file to a provider of the SDK: under paths of its own, since calls for several profiles overlap. */
export async function sdkFiles(profile: string, text: string) {
  const { externalDataInterceptor } = await import("@smithy/core/config");
  const paths = {
    configFilepath: `/rdsiam/config/${profile}`,
    filepath: `/rdsiam/credentials/${profile}`,
  };
  externalDataInterceptor.interceptFile(paths.configFilepath, text);
  externalDataInterceptor.interceptFile(paths.filepath, "");
  return paths;
}
