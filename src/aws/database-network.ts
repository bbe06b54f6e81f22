// Where in a VPC a database is, for what has to be near it.
// Of a cluster the API names only the subnet group: VPC and zones are those of its instances.

import {
  type DBInstance,
  type DBSubnetGroup,
  paginateDescribeDBInstances,
  paginateDescribeDBSubnetGroups,
} from "@aws-sdk/client-rds";
import { type DescribedDatabase, describeAction, describeDatabase } from "./describe-database.ts";
import { RdsIamError } from "../base/errors.ts";
import { callRds, notListed, type AwsCaller } from "./rds-client.ts";

/** The VPC of a database, and where in it the servers are that an endpoint leads to. */
export interface DatabaseNetwork {
  readonly vpc: string;
  /** Their zones; none where the API does not tell. */
  readonly zones: ReadonlySet<string>;
  /** The subnets that they may be in: those of their zones, else all of the database. */
  readonly subnets: ReadonlySet<string>;
  /** Whether they are known to have no address outside of the VPC. */
  readonly isPrivate: boolean;
}

const OTHER_SERVICES: ReadonlyMap<string, string> = new Map([
  ["dsql", "Aurora DSQL"],
  ["redshift", "a Redshift cluster"],
  ["redshift-serverless", "a Redshift workgroup"],
]);

/** Asks the RDS API where the database behind an endpoint is; `ways` says how to go on without it. */
export async function databaseNetwork(
  endpoint: { readonly host: string; readonly kind: string },
  caller: AwsCaller,
  ways: string,
): Promise<DatabaseNetwork> {
  const { host, kind } = endpoint;
  const what = OTHER_SERVICES.get(kind) ?? (kind === "unknown" ? `"${host}"` : undefined);
  if (what !== undefined) {
    throw noVpc(host, `The RDS API returned no VPC for ${what}.`, ways);
  }
  const action = describeAction(kind);
  const found = await callRds(caller, { action, ways }, (client) =>
    describeDatabase(client, endpoint),
  );
  if (found === undefined) throw notListed(host, caller, ways);
  const network = await networkOf(found, kind, { caller, ways });
  if (network !== undefined) return network;
  throw noVpc(host, "The RDS API returned no VPC for it: its endpoint is on the internet.", ways);
}

interface Asking {
  readonly caller: AwsCaller;
  readonly ways: string;
}

async function networkOf(
  found: DescribedDatabase,
  kind: string,
  asking: Asking,
): Promise<DatabaseNetwork | undefined> {
  switch (found.kind) {
    case "instance":
      return ofInstances([found.instance]);
    case "proxy": {
      // A further endpoint may be in another VPC than the proxy.
      const { VpcId: vpc = found.proxy.VpcId, VpcSubnetIds = found.proxy.VpcSubnetIds } =
        found.endpoint ?? {};
      return vpc === undefined
        ? undefined
        : { vpc, zones: new Set(), subnets: new Set(VpcSubnetIds), isPrivate: true };
    }
    case "cluster": {
      const { DBClusterIdentifier: name, DBClusterMembers = [], DBSubnetGroup } = found.cluster;
      const isReader = kind === "reader" && DBClusterMembers.length > 1;
      const servers = DBClusterMembers.filter(
        ({ IsClusterWriter }) => IsClusterWriter !== isReader,
      );
      // A Limitless cluster has no instances that the API shows.
      const names = new Set(servers.map(({ DBInstanceIdentifier }) => DBInstanceIdentifier));
      const members = names.size === 0 ? [] : await clusterInstances(name, asking);
      const network = ofInstances(
        members.filter(({ DBInstanceIdentifier }) => names.has(DBInstanceIdentifier)),
      );
      if (network !== undefined || DBSubnetGroup === undefined) return network;
      return ofGroup(await subnetGroup(DBSubnetGroup, asking), [], false);
    }
  }
}

function clusterInstances(cluster: string | undefined, { caller, ways }: Asking) {
  return callRds(caller, { action: "DescribeDBInstances", ways }, async (client) => {
    const found: DBInstance[] = [];
    const Filters = [{ Name: "db-cluster-id", Values: [cluster ?? ""] }];
    for await (const { DBInstances } of paginateDescribeDBInstances({ client }, { Filters })) {
      found.push(...(DBInstances ?? []));
    }
    return found;
  });
}

function subnetGroup(DBSubnetGroupName: string, { caller, ways }: Asking) {
  return callRds(caller, { action: "DescribeDBSubnetGroups", ways }, async (client) => {
    const pages = paginateDescribeDBSubnetGroups({ client }, { DBSubnetGroupName });
    for await (const { DBSubnetGroups = [] } of pages) return DBSubnetGroups[0];
    return undefined;
  });
}

function ofInstances(instances: readonly DBInstance[]): DatabaseNetwork | undefined {
  const zones = instances.flatMap(({ AvailabilityZone: zone }) => (zone ? [zone] : []));
  const isPrivate = instances.every(({ PubliclyAccessible }) => PubliclyAccessible === false);
  return ofGroup(instances[0]?.DBSubnetGroup, zones, isPrivate);
}

function ofGroup(
  group: DBSubnetGroup | undefined,
  inZones: readonly string[],
  isPrivate: boolean,
): DatabaseNetwork | undefined {
  const { Subnets = [], VpcId: vpc } = group ?? {};
  if (vpc === undefined) return undefined;
  const zones = new Set(inZones);
  const near = Subnets.filter(
    ({ SubnetAvailabilityZone: zone }) => zones.size === 0 || zones.has(zone?.Name ?? ""),
  );
  const subnets = near.flatMap(({ SubnetIdentifier: id }) => (id === undefined ? [] : [id]));
  return { vpc, zones, subnets: new Set(subnets), isPrivate };
}

function noVpc(host: string, detail: string, ways: string): RdsIamError {
  return new RdsIamError(`cannot search for an instance near ${host}`, {
    code: "ERR_VIA",
    detail,
    hint: ways,
  });
}
