// Answers what an endpoint's name alone does not tell: the cluster behind a custom endpoint, a global writer's Region.
// A custom endpoint cannot be signed for, and a global one has no Region in it.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusterEndpoints.html
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeGlobalClusters.html

import {
  paginateDescribeDBClusterEndpoints,
  paginateDescribeGlobalClusters,
} from "@aws-sdk/client-rds";
import { RdsIamError } from "../base/errors.ts";
import { rdsClient, type RdsCaller, rdsError } from "./rds-client.ts";

const SIGN_HOST =
  "Without it, say which cluster's endpoint to sign for: --sign-host ENDPOINT or rds_sign_host.";
const REGION = "Without it, say in which Region the writer is: --region REGION or rds_region.";

/** The writer endpoint of the cluster that has a custom endpoint. */
export async function clusterOfCustomEndpoint(host: string, caller: RdsCaller): Promise<string> {
  const client = await rdsClient(caller);
  try {
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
      throw notThere(`custom endpoint ${host}`, caller, SIGN_HOST);
    }
    for await (const { DBClusterEndpoints = [] } of paginateDescribeDBClusterEndpoints(
      { client },
      { DBClusterIdentifier: cluster },
    )) {
      const writer = DBClusterEndpoints.find(({ EndpointType }) => EndpointType === "WRITER");
      if (writer?.Endpoint !== undefined) {
        return writer.Endpoint;
      }
    }
    throw notThere(`writer endpoint of the cluster ${cluster}`, caller, SIGN_HOST);
  } catch (error) {
    throw rdsError(error, caller, { action: "DescribeDBClusterEndpoints", ways: SIGN_HOST });
  } finally {
    client.destroy();
  }
}

/** The Region in which the writer behind a global endpoint is now; a failover changes it. */
export async function writerRegionOf(host: string, caller: RdsCaller): Promise<string> {
  const client = await rdsClient(caller);
  try {
    for await (const { GlobalClusters = [] } of paginateDescribeGlobalClusters({ client }, {})) {
      const found = GlobalClusters.find((each) => isSame(each.Endpoint, host));
      const writer = found?.GlobalClusterMembers?.find(({ IsWriter }) => IsWriter === true);
      // arn:aws:rds:REGION:ACCOUNT:cluster:NAME
      const region = writer?.DBClusterArn?.split(":")[3];
      if (region !== undefined && region !== "") {
        return region;
      }
    }
    throw notThere(`global database with the endpoint ${host}`, caller, REGION);
  } catch (error) {
    throw rdsError(error, caller, { action: "DescribeGlobalClusters", ways: REGION });
  } finally {
    client.destroy();
  }
}

function isSame(endpoint: string | undefined, host: string): boolean {
  return endpoint?.toLowerCase() === host;
}

function notThere(what: string, { region }: RdsCaller, hint: string): RdsIamError {
  return new RdsIamError(`the RDS API in ${region} shows no ${what}`, {
    code: "ERR_ENDPOINT",
    detail: "It belongs to another account or Region, or it is gone.",
    hint,
  });
}
