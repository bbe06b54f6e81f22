// A database in a VPC, instances around it, and the function that chooses one: stand-ins of RDS, EC2 and Systems Manager that verify
// each signature, and the real calls.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSsmSession } from "../../src/aws/ssm-session.ts";
import type { InstanceTag } from "../../src/aws/jump-instances.ts";
import { RdsIamError } from "../../src/base/errors.ts";
import { createLog } from "../../src/base/log.ts";
import { type AccessKey, KeyStore } from "../../src/demo/keys.ts";
import { parseEndpoint } from "../../src/rds/endpoint.ts";
import { startOnNearest } from "../../src/session/jump-instance.ts";
import { type RdsApi, startRdsApi } from "./rds-api.ts";
import { runContext } from "./run-context.ts";
import { type StandInInstance, startVpcApi, type VpcApi } from "./vpc-api.ts";

const ZONE = "c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com";
/** One endpoint of each kind. */
export const HOSTS = {
  instance: `db1.${ZONE}`,
  cluster: `orders.cluster-${ZONE}`,
  reader: `orders.cluster-ro-${ZONE}`,
  empty: `empty.cluster-${ZONE}`,
  express: `express.cluster-${ZONE}`,
  proxy: `pool.proxy-${ZONE}`,
  further: `pool-far.endpoint.proxy-${ZONE}`,
  shards: `sg.shardgrp-${ZONE}`,
  dsql: "abcdefghijklmnopqrstuvwxyz.dsql.eu-west-1.on.aws",
  gone: `gone.${ZONE}`,
};
const GROUP = {
  DBSubnetGroupName: "data",
  VpcId: "vpc-a",
  Subnets: ["a", "b"].map((zone) => ({
    SubnetIdentifier: `subnet-${zone}`,
    SubnetAvailabilityZone: { Name: `eu-west-1${zone}` },
  })),
};
const member = (name: string, zone: string) => ({
  DBInstanceIdentifier: name,
  DBClusterIdentifier: "orders",
  AvailabilityZone: zone,
  DBSubnetGroup: GROUP,
});
const INVENTORY = {
  DescribeDBInstances: [
    { DBInstanceIdentifier: "db1", AvailabilityZone: "eu-west-1a", DBSubnetGroup: GROUP },
    member("orders-1", "eu-west-1b"),
    member("orders-2", "eu-west-1a"),
  ],
  DescribeDBClusters: [
    {
      DBClusterIdentifier: "orders",
      DBSubnetGroup: "data",
      DBClusterMembers: [
        { DBInstanceIdentifier: "orders-1", IsClusterWriter: "true" },
        { DBInstanceIdentifier: "orders-2", IsClusterWriter: "false" },
      ],
    },
    { DBClusterIdentifier: "empty", DBSubnetGroup: "data" },
    { DBClusterIdentifier: "express", VPCNetworkingEnabled: "false" },
  ],
  DescribeDBSubnetGroups: [GROUP],
  DescribeDBShardGroups: [{ DBShardGroupIdentifier: "sg", DBClusterIdentifier: "empty" }],
  DescribeDBProxies: [{ DBProxyName: "pool", VpcId: "vpc-a", VpcSubnetIds: ["subnet-b"] }],
  DescribeDBProxyEndpoints: [
    { DBProxyEndpointName: "pool-far", DBProxyName: "pool", VpcId: "vpc-b", VpcSubnetIds: ["s"] },
  ],
};

/** What is wished for: the instance's database, and its tag. */
export interface JumpWish {
  readonly host?: string;
  readonly tag?: InstanceTag;
}

/** The stand-ins, and what was said. */
export class JumpScene implements AsyncDisposable {
  readonly rds: RdsApi;
  readonly vpc: VpcApi;
  readonly home: string;
  /** Actions of RDS that are not authorized. */
  readonly denied: Set<string>;
  /** The notices. */
  said: string[] = [];
  readonly #key: AccessKey;

  static async start(): Promise<JumpScene> {
    const keys = new KeyStore();
    const key = keys.createStaticKey({ arn: "arn:aws:iam::123456789012:user/jane" });
    const denied = new Set<string>();
    const rds = await startRdsApi({ keys, regions: { "eu-west-1": INVENTORY }, denied });
    const home = await mkdtemp(join(tmpdir(), "rdsiam-jump-"));
    return new JumpScene({ key, denied, rds, vpc: await startVpcApi(keys), home });
  }

  constructor(parts: {
    readonly key: AccessKey;
    readonly denied: Set<string>;
    readonly rds: RdsApi;
    readonly vpc: VpcApi;
    readonly home: string;
  }) {
    this.#key = parts.key;
    this.denied = parts.denied;
    this.rds = parts.rds;
    this.vpc = parts.vpc;
    this.home = parts.home;
  }

  /** The file of what worked. */
  get file(): string {
    return join(this.home, ".local", "state", "rdsiam", "instances");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rds[Symbol.asyncDispose]();
    await this.vpc[Symbol.asyncDispose]();
    await rm(this.home, { recursive: true, force: true });
  }

  /** Makes it as new. */
  async clear(): Promise<void> {
    this.vpc.instances.length = 0;
    this.vpc.calls.length = 0;
    this.rds.calls.length = 0;
    this.vpc.denied.clear();
    this.vpc.refusals.clear();
    this.denied.clear();
    this.said = [];
    await this.forget();
  }

  /** Removes what is remembered. */
  async forget(): Promise<void> {
    await rm(join(this.home, ".local"), { recursive: true, force: true });
  }

  /** An instance that is online in the VPC, far from the database, but for what is said. */
  place(id: string, over: Partial<StandInInstance> = {}): StandInInstance {
    const agent = { status: "Online" };
    const far = { vpc: "vpc-a", subnet: "subnet-x", zone: "eu-west-1c", agent };
    const instance = { id: `i-0000000${id}`, ...far, ...over };
    this.vpc.instances.push(instance);
    return instance;
  }

  /** The function that starts sessions, as the tunnel gets it. */
  choose({ host = HOSTS.instance, tag }: JumpWish = {}) {
    const env = {
      AWS_ENDPOINT_URL_RDS: this.rds.endpoint,
      AWS_ENDPOINT_URL_EC2: this.vpc.endpoint,
      AWS_ENDPOINT_URL_SSM: this.vpc.endpoint,
    };
    const write = (text: string): void => void this.said.push(text);
    const log = createLog({ write, verbose: false, notices: true });
    const { accessKeyId, secretAccessKey } = this.#key;
    const credentials = async () => ({ accessKeyId, secretAccessKey, source: "the test" });
    const caller = { credentials, region: "eu-west-1", calls: { env }, profile: undefined };
    const { kind = "unknown" } = parseEndpoint(host) ?? {};
    return startOnNearest(
      runContext({}, { home: this.home, log }),
      { endpoint: { host, kind }, caller, tag },
      (forwarding) => startSsmSession(forwarding, caller),
    );
  }

  /** The instance of a first session. */
  async carrier(wish?: JumpWish): Promise<string> {
    const start = await this.choose(wish);
    const { request } = await start({ host: "db", port: 5432 });
    return String(request["Target"]);
  }

  /** The error in place of a first session. */
  async refusal(wish?: JumpWish): Promise<string> {
    try {
      await this.carrier(wish);
    } catch (error) {
      if (!(error instanceof RdsIamError)) throw error;
      return `${error.message}\n${error.detail}\n${error.hint}`;
    }
    throw new Error("it chose one");
  }
}
