// `--via ssm` from the command line to the database, and `rdsiam init`, which offers it for a private one.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openShell } from "../support/pty.ts";
import { cleanEnvironment, rdsiam, RDSIAM } from "../support/program.ts";
import { startRdsApi } from "../support/rds-api.ts";
import { startSsmStandIn } from "../support/ssm-stand-in.ts";
import { startStage } from "../support/stage.ts";
import { startVpcApi } from "../support/vpc-api.ts";
import { keep } from "../support/keep.ts";

const NEAR = { id: "i-0123456789abcdef0", vpc: "vpc-a", subnet: "subnet-a", zone: "eu-west-1a" };
const ONLINE = { status: "Online" };

const standIn = await keep(startStage());
const { canonicalHost, gateway, keys } = standIn;
const [name = ""] = canonicalHost.split(".");
const cluster = {
  DBClusterIdentifier: name,
  Engine: "aurora-postgresql",
  Endpoint: canonicalHost,
  Port: String(gateway.port),
  DatabaseName: "orders",
  IAMDatabaseAuthenticationEnabled: "true",
  DBClusterMembers: [{ DBInstanceIdentifier: `${name}-1`, IsClusterWriter: "true" }],
};
const instance = {
  DBInstanceIdentifier: `${name}-1`,
  DBClusterIdentifier: name,
  AvailabilityZone: "eu-west-1a",
  PubliclyAccessible: "false",
  DBSubnetGroup: {
    VpcId: "vpc-a",
    Subnets: [{ SubnetIdentifier: "subnet-a", SubnetAvailabilityZone: { Name: "eu-west-1a" } }],
  },
};
const inventory = { DescribeDBClusters: [cluster], DescribeDBInstances: [instance] };
const rds = await keep(startRdsApi({ keys, regions: { "eu-west-1": inventory } }));
const vpc = await keep(startVpcApi(keys));
vpc.instances.push(
  { ...NEAR, id: "i-00000002", subnet: "subnet-c", zone: "eu-west-1c", agent: ONLINE },
  { ...NEAR, tags: { Name: "bastion-1" }, agent: ONLINE },
);
const ssm = await keep(startSsmStandIn(keys));
ssm.instances.push(...vpc.instances);
const home = await mkdtemp(join(standIn.directory, "home-"));
const env = {
  ...standIn.env,
  ...ssm.env,
  AWS_ENDPOINT_URL_RDS: rds.endpoint,
  AWS_ENDPOINT_URL_EC2: vpc.endpoint,
  XDG_STATE_HOME: home,
};

test("--via ssm: psql through the nearest instance; the next run remembers it, and takes another when it is gone", async () => {
  const psql = ["psql", "--via", "ssm", "prod", "-Atc", "select 42"];
  const first = await rdsiam(psql, { env });
  assert.deepEqual([first.status, first.stdout, first.stderr], [0, "42\n", ""]);
  assert.equal(ssm.sessions.at(-1)?.options.target, NEAR.id);
  const asked = vpc.calls.length;
  const second = await rdsiam(["psql", "-v", ...psql.slice(1)], { env });
  assert.equal(second.stdout, "42\n", second.stderr);
  assert.equal(vpc.calls.length, asked);
  assert.match(second.stderr, /i-0123456789abcdef0 carried the last connection/);
  ssm.refuseWith = "TargetNotConnected";
  ssm.refuseOnly = "StartSession";
  const third = await rdsiam(psql, { env });
  ssm.refuseWith = undefined;
  assert.equal(third.status, 2);
  assert.match(
    third.stderr,
    /FATAL: {2}no instance can carry the connection to orders\S+ in vpc-a\nDETAIL: {2}i-0123456789abcdef0 \(bastion-1\) is not connected: [^]*\nHINT: /,
  );
});

test("--via ssm: when none fits, the tool does not start", async () => {
  const ran = await rdsiam(["psql", "--via", "ssm://Name=jump*", "prod", "-Atc", "select 42"], {
    env,
  });
  assert.equal(ran.status, 125);
  assert.match(
    ran.stderr,
    /^rdsiam: error: no instance whose tag Name is jump\* can carry the connection to orders\S+ in vpc-a\nDETAIL: {2}EC2 returned no such instance in eu-west-1\.\nHINT: /,
  );
});

test("init offers ssm for a private database, and connects through it", async () => {
  await rm(join(home, "rdsiam"), { recursive: true, force: true });
  const own = join(home, "config");
  await writeFile(own, "");
  const variables = {
    ...env,
    TERM: "xterm",
    RDSIAM_CONFIG_FILE: own,
    RDSIAM_SSLROOTCERT: standIn.caFile,
  };
  const dns = { RDSIAM_DNS_SERVERS: standIn.dns.address };
  await using terminal = await openShell(cleanEnvironment({ ...variables, ...dns }));
  const answer = async (question: RegExp, text: string): Promise<void> => {
    await terminal.shows(question);
    terminal.type(`${text}\r`);
  };
  terminal.type(`${RDSIAM} init --profile prod -U app_ro --read-only new; echo status=$?\r`);
  await answer(/Database: _[^]*> orders +cluster[^]*Esc to leave/, "");
  await answer(
    /It is private\. Reach it: _[^]*> ssm +through an instance of its VPC[^]*directly[^]*Esc to leave/,
    "",
  );
  await answer(/Database \[orders\]: $/, "");
  await answer(/via = ssm\r\n[^]*Add this to \S+ \[Y\/n\] $/, "");
  await terminal.shows(
    /through i-0123456789abcdef0 \(bastion-1\) by Session Manager, in a subnet of the database[^]*status=0\r/,
  );
  assert.match(await readFile(own, "utf8"), /^via = ssm$/m);
});
