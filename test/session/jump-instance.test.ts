// Which instance `--via ssm` goes through, and what a person is told. Rarer situations: jump-instance.slow.test.ts.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { beforeEach, test } from "node:test";
import { HOSTS, JumpScene } from "../support/jump-scene.ts";
import { keep } from "../support/keep.ts";

const scene = await keep(JumpScene.start());
beforeEach(() => scene.clear());

test("startOnNearest() + one instance is online in the VPC: it is taken, and said once", async () => {
  const { id } = scene.place("1", { tags: { Name: "bastion-1" } });
  const start = await scene.choose();
  for (const _ of [1, 2]) await start({ host: "db", port: 5432 });
  assert.deepEqual(scene.said, [
    `rdsiam: through ${id} (bastion-1) by Session Manager, in the database's VPC\n`,
  ]);
});

test("startOnNearest() + the subnet is nearer than the zone, and the zone than the VPC", async () => {
  scene.place("1");
  scene.place("2", { zone: "eu-west-1a" });
  const near = scene.place("3", { zone: "eu-west-1a", subnet: "subnet-a" });
  scene.place("4", { zone: "eu-west-1b", subnet: "subnet-b" });
  assert.equal(await scene.carrier(), near.id);
  assert.match(String(scene.said), /in a subnet of the database/);
  scene.vpc.instances.splice(2, 1);
  await scene.forget();
  assert.equal(await scene.carrier(), "i-00000002");
});

test("startOnNearest() + what worked is remembered: the next run asks for nothing but the session", async () => {
  const { id } = scene.place("1");
  await scene.carrier();
  assert.equal(await readFile(scene.file, "utf8"), `${HOSTS.instance} ${id}\n`);
  scene.place("2", { subnet: "subnet-a" });
  scene.vpc.calls.length = 0;
  scene.rds.calls.length = 0;
  scene.said = [];
  assert.equal(await scene.carrier(), id);
  assert.deepEqual(
    [scene.vpc.calls, scene.rds.calls, scene.said],
    [[`StartSession ${id}`], [], []],
  );
  // Another wish and another database are choices of their own.
  assert.equal(await scene.carrier({ host: HOSTS.reader }), "i-00000002");
});

test("startOnNearest() + what is remembered is gone: another is chosen, and said", async () => {
  const old = scene.place("1", { subnet: "subnet-a" });
  await scene.carrier();
  old.agent = { status: "ConnectionLost" };
  const { id } = scene.place("2");
  scene.said = [];
  const start = await scene.choose();
  // Several sessions at once make one choice.
  scene.vpc.calls.length = 0;
  const sessions = await Promise.all([1, 2, 3].map(() => start({ host: "db", port: 5432 })));
  assert.deepEqual(new Set(sessions.map(({ request }) => request["Target"])), new Set([id]));
  assert.equal(scene.said.length, 1);
  assert.equal(scene.vpc.calls.filter((call) => call === "DescribeInstances").length, 1);
  scene.said = [];
  assert.equal(await scene.carrier(), id);
  assert.deepEqual(scene.said, []);
});

test("startOnNearest() + all are offline", async () => {
  scene.place("1", { agent: { status: "ConnectionLost" }, tags: { Name: "b" } });
  scene.place("2", { agent: { status: "Inactive" } });
  const text = await scene.refusal();
  assert.match(
    text,
    /^no instance can carry the connection to db1\.\S+ in vpc-a\ni-00000001 \(b\) is offline: its agent last reported at 2026-05-28T20:26Z; i-00000002 is offline: [^;]*\.\nRestart the instance or its agent: aws ec2 reboot-instances --instance-ids i-00000001$/,
  );
});

test("startOnNearest() + each call that is denied is named, with the way without it", async () => {
  scene.place("1");
  scene.denied.add("DescribeDBInstances");
  assert.match(
    await scene.refusal(),
    /^not allowed to call rds:DescribeDBInstances in eu-west-1\n[^]*Allow rds:DescribeDBInstances in the identity's policy\. Without it, name the instance: --via ssm:\/\/i-\.\.\.$/,
  );
  scene.denied.clear();
  scene.vpc.denied.add("DescribeInstances");
  assert.match(
    await scene.refusal(),
    /^not allowed to call ec2:DescribeInstances in eu-west-1\nAWS says: You are not authorized to perform this operation\. User: X is not authorized[^]*action\.\nAllow ec2:DescribeInstances/,
  );
  scene.vpc.denied.clear();
  scene.vpc.denied.add("DescribeInstanceInformation");
  assert.match(
    await scene.refusal(),
    /^not allowed to call ssm:DescribeInstanceInformation in eu-west-1\n/,
  );
});
