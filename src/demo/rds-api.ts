// The stand-in for the RDS API: it has the one cluster there is, for programs that look up its resource id or list databases.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusters.html
import {
  type Api,
  type ApiOptions,
  makeResult,
  makeUnknownAction,
  makeUnsignedFailure,
  startApi,
  type XmlTree,
} from "./aws-api.ts";
import { USERS } from "./postgres-seed.ts";

/** The cluster, and the keys that requests are verified with. */
export interface StandInRdsOptions extends Pick<ApiOptions, "keys" | "now"> {
  /** arn:aws:rds:REGION:ACCOUNT:cluster:NAME */
  readonly clusterArn: string;
  readonly resourceId: string;
  readonly host: string;
  readonly port: number;
  readonly dbname: string;
  /** The ARN of the secret with the master user's password. */
  readonly masterSecret: string;
}

/** Starts the stand-in for the RDS API on a free loopback port. */
export async function startRdsApi(options: StandInRdsOptions): Promise<Api> {
  const { clusterArn, dbname, host, keys, masterSecret, now, port, resourceId } = options;
  const DBCluster = {
    DBClusterIdentifier: clusterArn.split(":").at(-1) ?? "",
    DBClusterArn: clusterArn,
    DbClusterResourceId: resourceId,
    Engine: "aurora-postgresql",
    Endpoint: host,
    Port: String(port),
    DatabaseName: dbname,
    IAMDatabaseAuthenticationEnabled: "true",
    MasterUsername: USERS.master,
    MasterUserSecret: { SecretArn: masterSecret, SecretStatus: "active" },
    TagList: { Tag: { Key: "env", Value: "prod" } },
  };
  const results: Readonly<Record<string, XmlTree>> = {
    DescribeDBClusters: { DBClusters: { DBCluster } },
    DescribeDBClusterEndpoints: { DBClusterEndpoints: "" },
    DescribeDBInstances: { DBInstances: "" },
    DescribeDBProxies: { DBProxies: "" },
    DescribeSourceRegions: { SourceRegions: "" },
  };
  return await startApi({
    service: "rds",
    keys,
    now,
    answer: ({ action, caller }) => {
      if (caller === undefined) return makeUnsignedFailure();
      const result = results[action];
      return result === undefined ? makeUnknownAction(action) : makeResult(action, result);
    },
  });
}
