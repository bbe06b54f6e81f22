// The stand-in for the RDS API: a cluster, and an instance, whose IAM authentication can be switched on, for programs that look up a
// resource id, list databases or change them.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusters.html
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBCluster.html
import {
  type Api,
  type ApiOptions,
  makeDenial,
  makeFailure,
  makeResult,
  makeUnknownAction,
  makeUnsignedFailure,
  startApi,
  type XmlTree,
} from "./aws-api.ts";
import { USERS } from "./postgres-seed.ts";

const LOOKS = 1; // that find a change under way, before it is in force

/** A cluster or an instance. */
export interface StandInServer {
  /** arn:aws:rds:REGION:ACCOUNT:cluster:NAME, or db:NAME */
  readonly arn: string;
  readonly resourceId: string;
  readonly host: string;
  port: number;
  readonly dbname: string;
  /** The ARN of the secret with the master user's password; undefined where RDS does not manage it. */
  masterSecret?: string | undefined;
  iam: boolean;
  /** Whether it is a cluster of Aurora's express configuration. */
  isExpress?: boolean | undefined;
  /** The looks at it that will find a change under way. */
  changing?: number | undefined;
}

/** The databases, and the keys that requests are verified with. */
export interface StandInRdsOptions extends Pick<ApiOptions, "keys" | "now"> {
  readonly cluster: StandInServer;
  readonly instance: StandInServer;
}

/** The running stand-in. */
export interface RdsStandIn extends Api {
  readonly cluster: StandInServer;
  readonly instance: StandInServer;
  /** The actions that are not allowed. */
  readonly denied: Set<string>;
  /** The actions that were answered. */
  readonly calls: string[];
}

/** Starts the stand-in for the RDS API on a free loopback port. */
export async function startRdsApi(options: StandInRdsOptions): Promise<RdsStandIn> {
  const { cluster, instance, keys, now } = options;
  const denied = new Set<string>();
  const calls: string[] = [];
  const results = (action: string): XmlTree | undefined => {
    switch (action) {
      case "DescribeDBClusters":
        return { DBClusters: { DBCluster: clusterXml(cluster) } };
      case "DescribeDBInstances":
        return { DBInstances: { DBInstance: instanceXml(instance) } };
      case "ModifyDBCluster":
        return { DBCluster: clusterXml(switchOn(cluster)) };
      case "ModifyDBInstance":
        return { DBInstance: instanceXml(switchOn(instance)) };
      case "DescribeDBClusterEndpoints":
        return { DBClusterEndpoints: "" };
      case "DescribeDBProxies":
        return { DBProxies: "" };
      case "DescribeSourceRegions":
        return { SourceRegions: "" };
      default:
        return undefined;
    }
  };
  const api = await startApi({
    service: "rds",
    keys,
    now,
    answer: ({ action, caller }) => {
      if (caller === undefined) return makeUnsignedFailure();
      if (denied.has(action)) return makeDenial(caller, `rds:${action}`);
      calls.push(action);
      const [changed, fault] = action.endsWith("Cluster")
        ? [cluster, "InvalidDBClusterStateFault"]
        : [instance, "InvalidDBInstanceState"];
      if (action.startsWith("Modify") && (changed.changing ?? 0) > 0) {
        return makeFailure(400, fault, "The database is not in available state.");
      }
      const result = results(action);
      return result === undefined ? makeUnknownAction(action) : makeResult(action, result);
    },
  });
  return { ...api, calls, cluster, denied, instance };
}

/** Whether IAM authentication is in force. */
export function isIamOn({ changing = 0, iam }: StandInServer): boolean {
  return iam && changing === 0;
}

function switchOn(server: StandInServer): StandInServer {
  server.changing = LOOKS;
  server.iam = true;
  return server;
}

function clusterXml(cluster: StandInServer): XmlTree {
  return {
    DBClusterIdentifier: nameOf(cluster),
    DBClusterArn: cluster.arn,
    DbClusterResourceId: cluster.resourceId,
    Engine: "aurora-postgresql",
    Endpoint: cluster.host,
    Port: String(cluster.port),
    DatabaseName: cluster.dbname,
    VPCNetworkingEnabled: String(cluster.isExpress !== true),
    Status: statusOf(cluster),
    ...common(cluster),
    TagList: { Tag: { Key: "env", Value: "prod" } },
  };
}

function instanceXml(instance: StandInServer): XmlTree {
  return {
    DBInstanceIdentifier: nameOf(instance),
    DBInstanceArn: instance.arn,
    DbiResourceId: instance.resourceId,
    Engine: "postgres",
    Endpoint: { Address: instance.host, Port: String(instance.port) },
    DBName: instance.dbname,
    DBInstanceStatus: statusOf(instance),
    ...common(instance),
    TagList: { Tag: { Key: "env", Value: "prod" } },
  };
}

function common(server: StandInServer): XmlTree {
  const { masterSecret } = server;
  const isOn = isIamOn(server);
  // This was a look at it.
  server.changing = Math.max(0, (server.changing ?? 0) - 1);
  return {
    IAMDatabaseAuthenticationEnabled: String(isOn),
    MasterUsername: USERS.master,
    ...(masterSecret === undefined
      ? {}
      : { MasterUserSecret: { SecretArn: masterSecret, SecretStatus: "active" } }),
  };
}

function statusOf({ changing = 0 }: StandInServer): string {
  return changing > 0 ? "configuring-iam-database-auth" : "available";
}

function nameOf({ arn }: StandInServer): string {
  return arn.split(":").at(-1) ?? "";
}
