// Which instance `--via ssm` goes through, and what a person is told, in rarer situations than those of jump-instance.test.ts.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { beforeEach, test } from "node:test";
import { HOSTS, JumpScene } from "../support/jump-scene.ts";
import { keep } from "../support/keep.ts";

const scene = await keep(JumpScene.start());
beforeEach(() => scene.clear());

test("startOnNearest() + a name and a tag choose, with wildcards", async () => {
  scene.place("1", { subnet: "subnet-a", tags: { Name: "web", role: "web" } });
  scene.place("2", { tags: { Name: "bastion-7", role: "jump host" } });
  assert.equal(await scene.carrier({ tag: { key: "Name", pattern: "bastion*" } }), "i-00000002");
  assert.equal(await scene.carrier({ tag: { key: "role", pattern: "jump ?ost" } }), "i-00000002");
});

test("startOnNearest() + all are stopped, or starting", async () => {
  scene.place("1", { state: "stopped", agent: undefined });
  scene.place("2", { state: "pending", agent: undefined });
  scene.place("3", { state: "terminated", agent: undefined });
  assert.match(
    await scene.refusal(),
    /\ni-00000001 is stopped; i-00000002 is pending\.\nStart it: aws ec2 start-instances --instance-ids i-00000001$/,
  );
});

test("startOnNearest() + none has an agent, and more are not listed", async () => {
  for (const id of "1234567") scene.place(id, { agent: undefined });
  const text = await scene.refusal();
  assert.match(
    text,
    /i-00000005 has no agent that is known to Systems Manager in eu-west-1; 2 more are not suitable either\.\nGive an instance the SSM agent, the policy AmazonSSMManagedInstanceCore/,
  );
});

test("startOnNearest() + the agent is too old to forward to other hosts", async () => {
  scene.place("1", { agent: { status: "Online", version: "3.1.1373.9" } });
  assert.match(
    await scene.refusal(),
    /has agent 3\.1\.1373\.9, and 3\.1\.1374\.0 is the first[^]*AWS-UpdateSSMAgent --instance-ids i-00000001/,
  );
  scene.place("2", { agent: { status: "Online", version: "3.10.0.0" } });
  assert.equal(await scene.carrier(), "i-00000002");
});

test("startOnNearest() + the only online ones are in another VPC", async () => {
  scene.place("1", { vpc: "vpc-b", tags: { Name: "bastion" } });
  scene.place("2", { agent: undefined });
  for (const tag of [undefined, { key: "Name", pattern: "bast*" }]) {
    assert.match(
      await scene.refusal(tag === undefined ? {} : { tag }),
      /\ni-00000001 \(bastion\) is in vpc-b(?:;.*)?\.\nIf that VPC is connected with the database's, name the instance: --via ssm:\/\/i-00000001$/,
    );
  }
});

test("startOnNearest() + there is no instance at all, or none with the tag", async () => {
  assert.match(
    await scene.refusal(),
    /\nEC2 shows no instance in vpc-a, and Systems Manager none that is online elsewhere\.\nStart an instance/,
  );
  scene.place("1", { tags: { Name: "web" } });
  assert.match(
    await scene.refusal({ tag: { key: "Name", pattern: "bastion*" } }),
    /^no instance whose tag Name is bastion\* can carry[^]*\nEC2 returned no such instance in eu-west-1\./,
  );
});

test("startOnNearest() + no session is allowed on the nearest: the next is taken; on none: it says so", async () => {
  scene.place("1", { subnet: "subnet-a" });
  scene.place("2");
  scene.vpc.refusals.set("i-00000001", "AccessDeniedException");
  assert.equal(await scene.carrier(), "i-00000002");
  scene.vpc.refusals.set("i-00000002", "AccessDeniedException");
  const start = await scene.choose();
  const failing = start({ host: "db", port: 5432 });
  await assert.rejects(failing, {
    code: "ERR_VIA",
    detail:
      "i-00000001 may not be used: ssm:StartSession is denied; i-00000002 may not be used: ssm:StartSession is denied.",
    hint: /^Allow ssm:StartSession on the instance and on the document/,
  });
  // A later login finds what has changed meanwhile.
  scene.vpc.refusals.clear();
  assert.equal((await start({ host: "db", port: 5432 })).request["Target"], "i-00000002");
});

test("startOnNearest() + EC2 that throttles is asked again", async () => {
  scene.place("1");
  scene.vpc.throttled = 2;
  assert.equal(await scene.carrier(), "i-00000001");
});

const ELSEWHERE = [
  ["the writer's zone", HOSTS.cluster, "subnet-b", "eu-west-1b"],
  ["a reader's zone", HOSTS.reader, "subnet-a", "eu-west-1a"],
  ["a cluster's subnet group, where no instance shows", HOSTS.empty, "subnet-b", "eu-west-1b"],
  ["a shard group's cluster", HOSTS.shards, "subnet-a", "eu-west-1a"],
  ["the subnets of an RDS Proxy", HOSTS.proxy, "subnet-b", "eu-west-1b"],
] as const;
for (const [what, host, subnet, zone] of ELSEWHERE) {
  test(`startOnNearest() + ${what}`, async () => {
    scene.place("1");
    scene.place("2", { subnet, zone });
    assert.equal(await scene.carrier({ host }), "i-00000002");
  });
}

test("startOnNearest() + a further endpoint of an RDS Proxy may be in another VPC", async () => {
  scene.place("1");
  scene.place("2", { vpc: "vpc-b" });
  assert.equal(await scene.carrier({ host: HOSTS.further }), "i-00000002");
});

test("startOnNearest() + without a VPC, or without the database, nothing is chosen", async () => {
  scene.place("1");
  assert.match(
    await scene.refusal({ host: HOSTS.express }),
    /^cannot search for an instance near express[^]*endpoint is on the internet/,
  );
  assert.match(
    await scene.refusal({ host: HOSTS.dsql }),
    /returned no VPC for Aurora DSQL\.\nWithout it, name/,
  );
  assert.match(
    await scene.refusal({ host: "db.example.com" }),
    /returned no VPC for "db\.example\.com"/,
  );
  assert.match(await scene.refusal({ host: HOSTS.gone }), /gone/);
  assert.deepEqual(scene.vpc.calls, []);
});

test("startOnNearest() + a file that cannot be read, or that others may write, is no reason to fail", async () => {
  const { id } = scene.place("1");
  await scene.carrier();
  await writeFile(scene.file, `${HOSTS.instance} --evil\n`);
  assert.equal(await scene.carrier(), id);
});
