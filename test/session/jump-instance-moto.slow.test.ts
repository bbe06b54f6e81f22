// moto as the judge: another program's EC2 and RDS answer what `--via ssm` asks. It has no agents; those are a stand-in's.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startSsmSession } from "../../src/aws/ssm-session.ts";
import type { InstanceTag } from "../../src/aws/jump-instances.ts";
import { KeyStore } from "../../src/demo/keys.ts";
import { startOnNearest } from "../../src/session/jump-instance.ts";
import { type Moto, startMoto, withoutMoto } from "../support/moto.ts";
import { runContext } from "../support/run-context.ts";
import { startVpcApi, type VpcApi } from "../support/vpc-api.ts";

const skip = withoutMoto;

interface MotoVpc {
  readonly vpc: string;
  readonly other: string;
  readonly instances: Readonly<Record<"far" | "zone" | "subnet" | "stopped" | "other", string>>;
}

const keys = new KeyStore();
const { accessKeyId, secretAccessKey } = keys.createStaticKey({
  arn: "arn:aws:iam::123456789012:user/jane",
});
let moto: Moto<MotoVpc> | undefined;
let there: MotoVpc & { readonly endpoint: string };
let agents: VpcApi;
let home = "";
before(async () => {
  if (skip !== false) return;
  home = await mkdtemp(join(tmpdir(), "rdsiam-moto-"));
  agents = await startVpcApi(keys);
  moto = startMoto("vpc");
  there = await moto.state();
});
after(async () => {
  moto?.[Symbol.dispose]();
  await agents?.[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

function choose(online: readonly (keyof MotoVpc["instances"])[], tag?: InstanceTag) {
  agents.instances.length = 0;
  for (const name of online) {
    const id = there.instances[name];
    agents.instances.push({ id, vpc: "", subnet: "", zone: "", agent: { status: "Online" } });
  }
  const env = { AWS_ENDPOINT_URL: there.endpoint, AWS_ENDPOINT_URL_SSM: agents.endpoint };
  const credentials = async () => ({ accessKeyId, secretAccessKey, source: "the test" });
  const caller = { credentials, region: "eu-west-1", calls: { env }, profile: undefined };
  const endpoint = { host: "db1.c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com", kind: "instance" };
  return startOnNearest(
    runContext({}, { home: join(home, online.join("-")) }),
    { endpoint: { ...endpoint, kind: "instance" }, caller, tag },
    (forwarding) => startSsmSession(forwarding, caller),
  );
}

async function carrier(...wish: Parameters<typeof choose>): Promise<unknown> {
  const start = await choose(...wish);
  return (await start({ host: "db", port: 5432 })).request["Target"];
}

test(
  "moto + the nearest instance of the database's VPC, by subnet, zone and tag",
  { skip },
  async () => {
    const { far, subnet, zone } = there.instances;
    assert.equal(await carrier(["far", "zone", "subnet", "other"]), subnet);
    assert.equal(await carrier(["far", "zone"]), zone);
    assert.equal(await carrier(["far"]), far);
    const tag = { key: "Name", pattern: "bastion*" };
    assert.equal(await carrier(["zone", "subnet", "other"], tag), zone);
  },
);

test("moto + each instance that does not fit has its sentence", { skip }, async () => {
  const { far, other, stopped } = there.instances;
  await assert.rejects(choose(["other"]), (error: Error & { detail?: string; hint?: string }) => {
    assert.equal(
      error.message,
      `no instance can carry the connection to db1.c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com in ${there.vpc}`,
    );
    assert.ok(
      error.detail?.startsWith(`${other} (bastion-2) is in ${there.other}; `),
      error.detail,
    );
    assert.ok(error.detail?.includes(`${stopped} (old) is stopped; `), error.detail);
    assert.ok(
      error.detail?.includes(`${far} (web <1>) has no agent that is known to Systems Manager`),
      error.detail,
    );
    assert.ok(error.hint?.endsWith(`--via ssm://${other}`));
    return true;
  });
});
