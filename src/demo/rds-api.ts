// The stand-in for the RDS API: it has the one cluster there is, for programs that look up its resource id.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusters.html
import {
  type Api,
  type ApiOptions,
  makeResult,
  makeUnknownAction,
  makeUnsignedFailure,
  startApi,
} from "./aws-api.ts";

/** The cluster, and the keys that requests are verified with. */
export interface StandInRdsOptions extends Pick<ApiOptions, "keys" | "now"> {
  /** arn:aws:rds:REGION:ACCOUNT:cluster:NAME */
  readonly clusterArn: string;
  readonly resourceId: string;
}

/** Starts the stand-in for the RDS API on a free loopback port. */
export async function startRdsApi(options: StandInRdsOptions): Promise<Api> {
  const { clusterArn, keys, now, resourceId } = options;
  return await startApi({
    service: "rds",
    keys,
    now,
    answer: ({ action, caller }) => {
      if (caller === undefined) return makeUnsignedFailure();
      if (action !== "DescribeDBClusters") return makeUnknownAction(action);
      const DBCluster = {
        DBClusterIdentifier: clusterArn.split(":").at(-1) ?? "",
        DBClusterArn: clusterArn,
        DbClusterResourceId: resourceId,
        IAMDatabaseAuthenticationEnabled: "true",
      };
      return makeResult(action, { DBClusters: { DBCluster } });
    },
  });
}
