// Where AWS services are called: endpoint URLs, FIPS, dual stack and the old global STS, as the AWS CLI chooses them.
// The SDK reads the profile's part of this only for the profile in AWS_PROFILE, not for one that it is given.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html

import type { Environment } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { partitionOf } from "../base/partitions.ts";
import type { AwsCalls } from "./sdk.ts";

/** The Regions of the environment, the first before the other, as in the AWS CLI; what it refuses is an error. */
export function environmentRegions(env: Environment): readonly string[] {
  return ["AWS_REGION", "AWS_DEFAULT_REGION"].flatMap((variable) => {
    const region = env[variable];
    if (!region) return [];
    if (/^(?!-)[a-zA-Z0-9-]{1,63}(?<!-)$/.test(region)) return [region];
    throw new RdsIamError(`${variable} is not a valid AWS Region`, {
      code: "ERR_CONFIG",
      detail: `It is ${JSON.stringify(region)}.`,
      hint: `Correct it, as in: ${variable}=eu-west-1`,
    });
  });
}

/** Options of an STS client; empty for AWS's own rules. */
export interface StsEndpointOptions {
  readonly endpoint?: string;
  readonly useFipsEndpoint?: boolean;
  readonly useDualstackEndpoint?: boolean;
  readonly useGlobalEndpoint?: boolean;
}

/** The options of an STS client; which Regions `legacy` sends to sts.amazonaws.com, the SDK knows. */
export function stsEndpointOptions(input: AwsCalls): StsEndpointOptions {
  const endpoint = configuredEndpoint("sts", input);
  if (endpoint !== undefined) {
    return { endpoint };
  }
  const useFipsEndpoint = isTrue(input, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint");
  const useDualstackEndpoint = isTrue(
    input,
    "AWS_USE_DUALSTACK_ENDPOINT",
    "use_dualstack_endpoint",
  );
  const legacy =
    input.env["AWS_STS_REGIONAL_ENDPOINTS"] ||
    input.profileValues?.get("sts_regional_endpoints")?.text;
  const useGlobalEndpoint = legacy?.toLowerCase() === "legacy";
  return { useFipsEndpoint, useDualstackEndpoint, useGlobalEndpoint };
}

const SERVICES = [
  "sts",
  "rds",
  "ssm",
  "dsql",
  "ec2",
  "ec2-instance-connect",
  "iam",
  "kms",
  "redshift",
  "redshift-serverless",
  "secretsmanager",
  "sso",
  "sso-oidc",
] as const;

/** A service that is called. */
export type CalledService = (typeof SERVICES)[number];

/** The variables that name the endpoint of a service, or of all. */
export const ENDPOINT_VARIABLES = ["AWS_ENDPOINT_URL", ...SERVICES.map(endpointVariable)];

function endpointVariable(service: CalledService): string {
  return `AWS_ENDPOINT_URL_${settingsKey(service).toUpperCase()}`;
}

// A service's name in variables and in [services]: AWS's service id, which is not always the name in its host.
// https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html
function settingsKey(service: CalledService): string {
  return service === "secretsmanager" ? "secrets_manager" : service.replaceAll("-", "_");
}

/** The URL of a service in a Region: the configured one, else AWS's own. */
export function serviceUrl(service: CalledService, region: string, input: AwsCalls): string {
  const configured = configuredEndpoint(service, input);
  if (configured !== undefined) return configured;
  const { name, dnsSuffix, dualStackSuffix } = partitionOf(region);
  // The usual names of Secrets Manager have IPv6 addresses.
  const isDualStack =
    service !== "secretsmanager" &&
    isTrue(input, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
  const isFips =
    isTrue(input, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint") &&
    !(name === "aws-us-gov" && hasFipsAlready(service, isDualStack));
  const place = service === "iam" ? iamPlace(name, region, isDualStack) : region;
  const suffix = isDualStack ? dualStackSuffix : dnsSuffix;
  return `https://${service}${isFips ? "-fips" : ""}.${place === "" ? "" : `${place}.`}${suffix}`;
}

// In GovCloud some of the usual endpoints are FIPS's, and no others are there.
function hasFipsAlready(service: CalledService, isDualStack: boolean): boolean {
  return service === "iam" || (!isDualStack && (service === "ec2" || service === "redshift"));
}

// IAM is one for a partition. https://docs.aws.amazon.com/general/latest/gr/iam-service.html
function iamPlace(partition: string, region: string, isDualStack: boolean): string {
  if (partition === "aws-us-gov") return "us-gov";
  if (isDualStack) return /^aws(?:-cn)?$/.test(partition) ? "global" : "";
  return partition === "aws" ? "" : region;
}

/** The configured URL of a service: AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, [services], the profile's endpoint_url. */
export function configuredEndpoint(service: CalledService, input: AwsCalls): string | undefined {
  const { env, profileValues, services } = input;
  if (isTrue(input, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls")) {
    return undefined;
  }
  const key = settingsKey(service);
  const variable = endpointVariable(service);
  const named = profileValues?.get("services");
  const section = named?.text ?? "";
  const values = services?.get(section);
  const candidates: readonly (readonly [string, string | undefined])[] = [
    [variable, env[variable]],
    ["AWS_ENDPOINT_URL", env["AWS_ENDPOINT_URL"]],
    [
      `endpoint_url of ${key} in [services ${section}]`,
      values?.get(key)?.block?.get("endpoint_url")?.text,
    ],
    ["the profile's endpoint_url", profileValues?.get("endpoint_url")?.text],
  ];
  // A call that was meant for another endpoint must not go to AWS's own.
  if (named !== undefined && !values?.size && !env[variable] && !env["AWS_ENDPOINT_URL"]) {
    throw new RdsIamError(`the profile's services section "${section}" does not exist`, {
      code: "ERR_CONFIG",
      detail: `The profile names it in ${named.file}, line ${named.line}. The AWS CLI refuses this profile too.`,
      hint: `Add a [services ${section}] section with endpoints, or correct that line.`,
    });
  }
  const [name, value] = candidates.find(([, url]) => url) ?? [];
  if (name !== undefined && value !== undefined && !/^https?:\/\/[^/\s]+/.test(value)) {
    throw new RdsIamError(`${name} is not a valid URL`, {
      code: "ERR_CONFIG",
      detail: `It is ${JSON.stringify(value)}.`,
      hint: "Write https://HOST or http://HOST:PORT, or remove it.",
    });
  }
  return value;
}

function isTrue({ env, profileValues }: AwsCalls, variable: string, key: string): boolean {
  return (env[variable] || profileValues?.get(key)?.text)?.toLowerCase() === "true";
}
