// Where STS is called: each setting over the next one, and AWS's own rules seen in the host that the SDK makes of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  configuredEndpoint,
  environmentRegions,
  serviceUrl,
  stsEndpointOptions,
} from "../../src/aws/endpoints.ts";
import { cleanProcessEnvironment } from "../support/fake-sts.ts";
import { profileValues } from "../support/profile-values.ts";

cleanProcessEnvironment();

function nested(url: string) {
  const text = undefined;
  return { file: "config", line: 1, text, block: profileValues({ endpoint_url: url }) };
}

const services = new Map([
  [
    "corp",
    new Map([
      ["sts", nested("https://section")],
      ["rds", nested("https://r")],
    ]),
  ],
]);
const keys = { services: "corp", endpoint_url: "https://profile" };
const values = profileValues(keys);

test("configuredEndpoint() takes the service's variable, the common one, the section, the profile", () => {
  const env = { AWS_ENDPOINT_URL_STS: "https://own", AWS_ENDPOINT_URL: "https://all" };
  const all = { env, profileValues: values, services };
  assert.equal(configuredEndpoint("sts", all), "https://own");
  assert.equal(configuredEndpoint("rds", all), "https://all");
  assert.equal(
    configuredEndpoint("sts", { ...all, env: { ...env, AWS_ENDPOINT_URL_STS: "" } }),
    "https://all",
  );
  assert.equal(configuredEndpoint("sts", { ...all, env: {} }), "https://section");
  assert.equal(configuredEndpoint("rds", { ...all, env: {} }), "https://r");
  assert.equal(configuredEndpoint("sts", { env: {} }), undefined);
});

test("configuredEndpoint() refuses a [services] section that is not there or empty, as the AWS CLI", () => {
  const gone = profileValues({ ...keys, services: "gone" });
  for (const sections of [services, undefined, new Map([["gone", new Map()]])]) {
    assert.throws(
      () => configuredEndpoint("sts", { env: {}, profileValues: gone, services: sections }),
      { code: "ERR_CONFIG", message: `the profile's services section "gone" does not exist` },
    );
  }
  const env = { AWS_ENDPOINT_URL: "https://all" };
  assert.equal(configuredEndpoint("sts", { env, profileValues: gone, services }), "https://all");
  const ignored = { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" };
  const input = { env: ignored, profileValues: gone, services };
  assert.equal(configuredEndpoint("sts", input), undefined);
});

test("configuredEndpoint() knows Secrets Manager by the name that the AWS CLI has for it", () => {
  const env = {
    AWS_ENDPOINT_URL_SECRETS_MANAGER: "https://own",
    AWS_ENDPOINT_URL_SECRETSMANAGER: "https://not",
  };
  assert.equal(configuredEndpoint("secretsmanager", { env }), "https://own");
  const section = new Map([["corp", new Map([["secrets_manager", nested("https://section")]])]]);
  const input = { env: {}, profileValues: values, services: section };
  assert.equal(configuredEndpoint("secretsmanager", input), "https://section");
});

test("configuredEndpoint() ignores all of them when told so", () => {
  const env = { AWS_ENDPOINT_URL_STS: "https://own" };
  const ignored = { ...env, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "TRUE" };
  assert.equal(
    configuredEndpoint("sts", { env: ignored, profileValues: values, services }),
    undefined,
  );
  const ignoring = profileValues({ ...keys, ignore_configured_endpoint_urls: "true" });
  assert.equal(configuredEndpoint("sts", { env, profileValues: ignoring, services }), undefined);
  const said = { ...env, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "false" };
  assert.equal(
    configuredEndpoint("sts", { env: said, profileValues: ignoring, services }),
    "https://own",
  );
});

test("configuredEndpoint() refuses what is not a URL by its name", () => {
  for (const value of ["sts.example.com", "ftp://x", "https://", "https:// x"]) {
    const input = { env: {}, profileValues: profileValues({ endpoint_url: value }) };
    assert.throws(() => configuredEndpoint("sts", input), {
      code: "ERR_CONFIG",
      message: "the profile's endpoint_url is not a valid URL",
    });
  }
});

test("environmentRegions() refuses what the AWS CLI refuses, before it is a part of a host's name", () => {
  const env = { AWS_REGION: "us-gov-west-1", AWS_DEFAULT_REGION: "aws-global" };
  assert.deepEqual(environmentRegions(env), ["us-gov-west-1", "aws-global"]);
  assert.deepEqual(environmentRegions({ AWS_REGION: "" }), []);
  for (const AWS_REGION of ["eu-west-1\n", '"eu-west-1"', "x.example/#", "-", "eu west"]) {
    assert.throws(() => environmentRegions({ AWS_REGION }), {
      code: "ERR_CONFIG",
      message: "AWS_REGION is not a valid AWS Region",
    });
  }
});

test("serviceUrl() leads to the FIPS and dual-stack names that the AWS CLI uses", () => {
  const fips = { use_fips_endpoint: "true" };
  const dual = { use_dualstack_endpoint: "true" };
  // By botocore 1.43.11.
  for (const [service, region, settings, host] of [
    ["ec2", "eu-west-1", {}, "ec2.eu-west-1.amazonaws.com"],
    ["ec2", "eu-west-1", fips, "ec2-fips.eu-west-1.amazonaws.com"],
    ["ec2", "eu-west-1", dual, "ec2.eu-west-1.api.aws"],
    ["ec2", "eu-west-1", { ...fips, ...dual }, "ec2-fips.eu-west-1.api.aws"],
    ["ec2", "us-gov-west-1", fips, "ec2.us-gov-west-1.amazonaws.com"],
    ["ec2", "us-gov-west-1", { ...fips, ...dual }, "ec2-fips.us-gov-west-1.api.aws"],
    ["redshift", "us-gov-east-1", fips, "redshift.us-gov-east-1.amazonaws.com"],
    ["kms", "us-gov-west-1", fips, "kms-fips.us-gov-west-1.amazonaws.com"],
    ["kms", "cn-north-1", dual, "kms.cn-north-1.api.amazonwebservices.com.cn"],
    ["secretsmanager", "eu-west-1", dual, "secretsmanager.eu-west-1.amazonaws.com"],
    ["iam", "eu-west-1", {}, "iam.amazonaws.com"],
    ["iam", "eu-west-1", fips, "iam-fips.amazonaws.com"],
    ["iam", "eu-west-1", dual, "iam.global.api.aws"],
    ["iam", "us-gov-west-1", fips, "iam.us-gov.amazonaws.com"],
    ["iam", "us-gov-west-1", dual, "iam.us-gov.api.aws"],
    ["iam", "cn-north-1", {}, "iam.cn-north-1.amazonaws.com.cn"],
    ["iam", "us-iso-east-1", dual, "iam.api.aws.ic.gov"],
  ] as const) {
    const input = { env: {}, profileValues: profileValues(settings) };
    assert.equal(serviceUrl(service, region, input), `https://${host}`);
  }
});

// What the SDK makes of the options: the host of a presigned or failed call shows it.
async function hostFor(region: string, keys: Record<string, string>, env = {}): Promise<string> {
  const { GetCallerIdentityCommand, STSClient } = await import("@aws-sdk/client-sts");
  const client = new STSClient({
    region,
    credentials: { accessKeyId: "A", secretAccessKey: "s" },
    ...stsEndpointOptions({ env, profileValues: profileValues(keys) }),
  });
  let hostname = "";
  client.middlewareStack.add(
    () => (args) => {
      ({ hostname } = args.request as { readonly hostname: string });
      throw new Error("far enough");
    },
    { step: "finalizeRequest", priority: "low" },
  );
  await client.send(new GetCallerIdentityCommand({})).catch(() => undefined);
  return hostname;
}

test("stsEndpointOptions() leads to AWS's regional, FIPS, dual-stack and old global names", async () => {
  assert.equal(await hostFor("eu-west-1", {}), "sts.eu-west-1.amazonaws.com");
  const legacy = { sts_regional_endpoints: "legacy" };
  assert.equal(await hostFor("eu-west-1", legacy), "sts.amazonaws.com");
  assert.equal(await hostFor("eu-south-1", legacy), "sts.eu-south-1.amazonaws.com");
  const regional = { AWS_STS_REGIONAL_ENDPOINTS: "regional" };
  assert.equal(await hostFor("eu-west-1", legacy, regional), "sts.eu-west-1.amazonaws.com");
  const fips = { use_fips_endpoint: "true" };
  assert.equal(await hostFor("us-west-2", fips), "sts-fips.us-west-2.amazonaws.com");
  assert.equal(
    await hostFor("us-west-2", fips, { AWS_USE_FIPS_ENDPOINT: "false" }),
    "sts.us-west-2.amazonaws.com",
  );
  assert.equal(
    await hostFor("us-west-2", { ...fips, ...legacy }),
    "sts-fips.us-west-2.amazonaws.com",
  );
  assert.equal(
    await hostFor("us-east-1", { use_dualstack_endpoint: "true" }),
    "sts.us-east-1.api.aws",
  );
  assert.equal(await hostFor("cn-north-1", legacy), "sts.cn-north-1.amazonaws.com.cn");
  const url = { AWS_ENDPOINT_URL: "https://sts.corp" };
  assert.equal(await hostFor("us-west-2", { ...fips, ...legacy }, url), "sts.corp");
});
