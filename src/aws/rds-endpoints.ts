// Answers what an endpoint's name alone does not show: the cluster behind a custom endpoint, a global writer's Region.
// A custom endpoint cannot be signed for, and a global one has no Region in it.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusterEndpoints.html
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeGlobalClusters.html

import {
  paginateDescribeDBClusterEndpoints,
  paginateDescribeGlobalClusters,
} from "@aws-sdk/client-rds";
import { callRds, notListed, type AwsCaller } from "./rds-client.ts";

const SIGN_HOST =
  "Without it, name the cluster's endpoint to sign for: {--sign-host} ENDPOINT or rds_sign_host.";
const REGION = "Without it, name the writer's Region: {--region} REGION or rds_region.";

/** The writer endpoint of the cluster that has a custom endpoint. */
export function clusterOfCustomEndpoint(host: string, caller: AwsCaller): Promise<string> {
  const purpose = { action: "DescribeDBClusterEndpoints", ways: SIGN_HOST };
  return callRds(caller, purpose, async (client) => {
    let cluster: string | undefined;
    // The part before the first dot is the custom endpoint's own identifier.
    for await (const { DBClusterEndpoints = [] } of paginateDescribeDBClusterEndpoints(
      { client },
      { DBClusterEndpointIdentifier: host.split(".")[0] },
    )) {
      const found = DBClusterEndpoints.find(({ Endpoint }) => isSame(Endpoint, host));
      cluster ??= found?.DBClusterIdentifier;
    }
    if (cluster === undefined) {
      throw notListed(`custom endpoint ${host}`, caller, SIGN_HOST);
    }
    for await (const { DBClusterEndpoints = [] } of paginateDescribeDBClusterEndpoints(
      { client },
      { DBClusterIdentifier: cluster },
    )) {
      const writer = DBClusterEndpoints.find(({ EndpointType }) => EndpointType === "WRITER");
      if (writer?.Endpoint !== undefined) return writer.Endpoint;
    }
    throw notListed(`writer endpoint of the cluster ${cluster}`, caller, SIGN_HOST);
  });
}

/** The Region in which the writer behind a global endpoint is now; a failover changes it. */
export function writerRegionOf(host: string, caller: AwsCaller): Promise<string> {
  const purpose = { action: "DescribeGlobalClusters", ways: REGION };
  return callRds(caller, purpose, async (client) => {
    for await (const { GlobalClusters = [] } of paginateDescribeGlobalClusters({ client }, {})) {
      const found = GlobalClusters.find((each) => isSame(each.Endpoint, host));
      const writer = found?.GlobalClusterMembers?.find(({ IsWriter }) => IsWriter === true);
      // arn:aws:rds:REGION:ACCOUNT:cluster:NAME
      const region = writer?.DBClusterArn?.split(":")[3];
      if (region !== undefined && region !== "") return region;
    }
    throw notListed(`global database with the endpoint ${host}`, caller, REGION);
  });
}

function isSame(endpoint: string | undefined, host: string): boolean {
  return endpoint?.toLowerCase() === host;
}
