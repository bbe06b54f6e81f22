// The table of AWS partitions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { partitionOf, PARTITIONS, REGION } from "../../src/base/partitions.ts";

for (const [region, name] of [
  ["eu-west-1", "aws"],
  ["us-east-1", "aws"],
  ["xx-new-9", "aws"],
  ["cn-northwest-1", "aws-cn"],
  ["us-gov-east-1", "aws-us-gov"],
  ["eusc-de-east-1", "aws-eusc"],
  ["us-iso-west-1", "aws-iso"],
  ["us-isob-east-1", "aws-iso-b"],
  ["eu-isoe-west-1", "aws-iso-e"],
  ["us-isof-south-1", "aws-iso-f"],
] as const) {
  test(`partitionOf() ${region} is in ${name}`, () => assert.equal(partitionOf(region).name, name));
}

test("PARTITIONS: the Region of each is a Region of it", () => {
  for (const partition of PARTITIONS) {
    assert.match(partition.region, REGION);
    assert.equal(partitionOf(partition.region), partition);
  }
});
