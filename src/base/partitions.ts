// The AWS partitions: how a Region's name shows which one it is in, and what differs between them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html  The rest is from the SDK's own partitions.json.

/** An AWS partition. */
export interface Partition {
  /** As in ARNs. */
  readonly name: string;
  /** How the names of its Regions begin; `aws` has those that no other partition has. */
  readonly prefix: string;
  /** A Region of it, for a call to STS when nothing but the partition is known. */
  readonly region: string;
  readonly dnsSuffix: string;
  /** The end of the names that have IPv6 addresses too. */
  readonly dualStackSuffix: string;
}

const AWS: Partition = {
  name: "aws",
  prefix: "",
  region: "us-east-1",
  dnsSuffix: "amazonaws.com",
  dualStackSuffix: "api.aws",
};

/** All partitions; `aws`, which any Region's name fits, is the last. */
export const PARTITIONS: readonly Partition[] = [
  {
    name: "aws-cn",
    prefix: "cn-",
    region: "cn-north-1",
    dnsSuffix: "amazonaws.com.cn",
    dualStackSuffix: "api.amazonwebservices.com.cn",
  },
  {
    name: "aws-us-gov",
    prefix: "us-gov-",
    region: "us-gov-west-1",
    dnsSuffix: "amazonaws.com",
    dualStackSuffix: "api.aws",
  },
  {
    name: "aws-eusc",
    prefix: "eusc-",
    region: "eusc-de-east-1",
    dnsSuffix: "amazonaws.eu",
    dualStackSuffix: "api.amazonwebservices.eu",
  },
  {
    name: "aws-iso",
    prefix: "us-iso-",
    region: "us-iso-east-1",
    dnsSuffix: "c2s.ic.gov",
    dualStackSuffix: "api.aws.ic.gov",
  },
  {
    name: "aws-iso-b",
    prefix: "us-isob-",
    region: "us-isob-east-1",
    dnsSuffix: "sc2s.sgov.gov",
    dualStackSuffix: "api.aws.scloud",
  },
  {
    name: "aws-iso-e",
    prefix: "eu-isoe-",
    region: "eu-isoe-west-1",
    dnsSuffix: "cloud.adc-e.uk",
    dualStackSuffix: "api.cloud-aws.adc-e.uk",
  },
  {
    name: "aws-iso-f",
    prefix: "us-isof-",
    region: "us-isof-south-1",
    dnsSuffix: "csp.hci.ic.gov",
    dualStackSuffix: "api.aws.hci.ic.gov",
  },
  AWS,
];

/** A Region's name, by its shape alone: us-east-1, us-gov-west-1, us-isob-east-1, eusc-de-east-1. Regions appear, so there is no list. */
export const REGION = /^[a-z]{2,8}(-[a-z]+)+-\d{1,2}$/;

/** The partition of a Region, as its name shows it. */
export function partitionOf(region: string): Partition {
  return PARTITIONS.find(({ prefix }) => region.startsWith(prefix)) ?? AWS;
}
