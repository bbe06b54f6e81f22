// How the AWS SDK is called: limits on every request, and not a word from it on the user's stderr.
// Its modules are imported where they are used, when they are used: `rdsiam list` and `--help` must not pay for them.

import process from "node:process";

/** How long one request to AWS may take, in milliseconds; `whole` covers its retries too. */
export const AWS_TIME_LIMITS = { connect: 5_000, whole: 15_000 } as const;

// One retry: the SDK's three would outlast the whole limit.
const MAX_ATTEMPTS = 2;

const nothing = () => undefined;

/** The client options that every SDK client gets. */
export function sdkClientOptions() {
  silenceSdk();
  return {
    maxAttempts: MAX_ATTEMPTS,
    logger: { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing },
    // Without throwOnRequestTimeout the SDK only logs that the time is over, and waits on.
    requestHandler: {
      connectionTimeout: AWS_TIME_LIMITS.connect,
      requestTimeout: AWS_TIME_LIMITS.whole,
      throwOnRequestTimeout: true,
    },
  };
}

// The SDK warns about Node 20 through process.emitWarning unless this variable of the process itself says no. Whoever
// copies the environment for a child does it before the first call here.
function silenceSdk(): void {
  // oxlint-disable-next-line no-restricted-properties -- written, never read: the SDK itself looks nowhere else
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";
}
