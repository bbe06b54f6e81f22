// Proves an AWS identity to a server that is not AWS's: a presigned GetCallerIdentity request, which that server sends to
// STS. It is signed together with header fields of the server's, so that it is of no use to any other.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html

import { HttpRequest } from "@smithy/core/protocols";
import { RdsIamError } from "../base/errors.ts";
import { partitionOf, REGION } from "../base/partitions.ts";
import type { AwsKeys } from "./keys.ts";
import { configuredEndpoint } from "./endpoints.ts";
import { presignUrl } from "./presign.ts";
import { type AwsCalls, readText, sdkClientOptions } from "./sdk.ts";

const ACTION = { Action: "GetCallerIdentity", Version: "2011-06-15" } as const;
const MAX_ANSWER = 64 * 1024; // characters

/** An STS endpoint and its Region. */
export interface StsEndpoint {
  /** Without a path. */
  readonly endpoint: string;
  readonly region: string;
}

/** STS in a Region: the configured endpoint, else AWS's own. */
export function stsIn(region: string, calls: AwsCalls): StsEndpoint {
  checkRegion(region);
  return {
    endpoint: configured(calls) ?? `https://sts.${region}.${partitionOf(region).dnsSuffix}`,
    region,
  };
}

/** Whether an STS endpoint that a server chose is one of AWS's own, or the configured one. */
export function isStsEndpoint({ endpoint, region }: StsEndpoint, calls: AwsCalls): boolean {
  checkRegion(region);
  const own = String.raw`(?:sts|sts-fips|vpce-[a-z0-9-]+\.sts)\.${region}(?:\.vpce)?\.`;
  const suffix = partitionOf(region).dnsSuffix.replaceAll(".", String.raw`\.`);
  const pattern = new RegExp(`^https://${own}${suffix}$`);
  return pattern.test(endpoint) || endpoint === configured(calls);
}

function configured(calls: AwsCalls): string | undefined {
  return configuredEndpoint("sts", calls)?.replace(/\/+$/, "");
}

function checkRegion(region: string): void {
  if (!REGION.test(region)) {
    throw new RdsIamError(`"${region}" is not a valid AWS Region`, { code: "ERR_REGION" });
  }
}

/** Signs a request that is good for a minute, together with the given header fields (names in lower case). */
export function presignIdentity(
  keys: AwsKeys,
  { endpoint, region }: StsEndpoint,
  headers: Readonly<Record<string, string>>,
): Promise<string> {
  const query = { ...ACTION };
  return presignUrl(keys, { endpoint, service: "sts", region, query, headers, seconds: 60 });
}

/** Sends such a request; resolves with the signer's ARN, or undefined when STS refuses it. Rejects when STS cannot be reached. */
export async function askIdentity(
  question: {
    readonly query: Readonly<Record<string, string>>;
    readonly headers: Readonly<Record<string, string>>;
  },
  { endpoint, signal }: Pick<StsEndpoint, "endpoint"> & { readonly signal: AbortSignal },
  calls: AwsCalls,
): Promise<string | undefined> {
  const { host, hostname, port, protocol } = new URL(endpoint);
  const { requestHandler } = await sdkClientOptions(calls);
  const request = new HttpRequest({
    method: "GET",
    protocol,
    hostname,
    ...(port === "" ? {} : { port: Number(port) }),
    path: "/",
    query: { ...question.query },
    headers: { host, accept: "text/xml", ...question.headers },
  });
  const { response } = await requestHandler.handle(request, { abortSignal: signal });
  const body = await readText(response.body, MAX_ANSWER);
  const arn = /<Arn>([^<&]+)<\/Arn>/.exec(body)?.[1];
  if (response.statusCode === 200 && arn !== undefined) return arn;
  const code = /<Code>(\w{1,64})<\/Code>/.exec(body)?.[1];
  // The caller's fault; anything else is STS's, or of something in between.
  if (response.statusCode >= 400 && response.statusCode < 500 && code !== undefined) {
    if (!/Throttl|TooManyRequests/.test(code)) return undefined;
  }
  throw new Error(
    `STS answered ${response.statusCode}${code === undefined ? " without an ARN or an error code" : ` ${code}`}`,
  );
}
