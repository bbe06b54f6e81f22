// How the AWS SDK is called: limits on every call, the environment's proxy and CA bundle, and nothing from it on the
// user's stderr. Its modules are imported where they are used, when they are used: `rdsiam list` must not pay for them.

import process from "node:process";
import type { Environment } from "../base/context.ts";
import { loadCaBundle } from "./ca-bundle.ts";
import type { ProfileKeys } from "./profile-files.ts";

/** The default limit of one call to AWS with its retries, in seconds. */
export const DEFAULT_AWS_TIMEOUT = 15;

/** How AWS is called: environment, profile and time limit. */
export interface AwsCalls {
  readonly env: Environment;
  /** The profile whose region, ca_bundle and endpoints apply; not always the one with the credentials. */
  readonly configProfile?: string | undefined;
  /** Its keys. */
  readonly profileKeys?: ProfileKeys | undefined;
  /** The [services NAME] sections; a nested key is `sts.endpoint_url`. */
  readonly services?: ReadonlyMap<string, ProfileKeys> | undefined;
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
  const { AwsRequestHandler } = await import("./request-handler.ts");
  const whole = (calls.awsTimeout ?? DEFAULT_AWS_TIMEOUT) * 1_000;
  return {
    maxAttempts: MAX_ATTEMPTS,
    logger: SDK_LOGGER,
    requestHandler: new AwsRequestHandler({
      env: calls.env,
      bundle: await loadCaBundle(calls.env, calls.profileKeys ?? {}),
      limits: { connect: Math.ceil(whole / 3), whole },
    }),
  };
}

let isGuest = false;

/** Leaves the environment of the process as it is, because it is another program's. */
export function leaveEnvironment(): void {
  isGuest = true;
}

// Two things the SDK takes from the process's own environment alone: that it must not warn about Node 20, and the profile
// that the clients inside it (SSO, sign-in) read endpoint_url, [services] and FIPS from. Copy the environment
// for a child before the first call here.
function setSdkEnvironment({ configProfile }: AwsCalls): void {
  if (isGuest) return;
  // oxlint-disable-next-line no-restricted-properties -- written, never read: the SDK itself looks nowhere else
  const environment = process.env;
  environment["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";
  if (configProfile === undefined) {
    delete environment["AWS_PROFILE"];
  } else {
    environment["AWS_PROFILE"] = configProfile;
  }
}
