// psql through ssh that an EC2 Instance Connect Endpoint carries: a stand-in for AWS that verifies each signature, and a real sshd.
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { type EiceApi, startEiceApi } from "../support/eice-api.ts";
import { type Finished, rdsiam } from "../support/program.ts";
import { startStage, untilSleeping } from "../support/stage.ts";
import { processes, until } from "../support/traces.ts";
import { lacking, type SshScene, startSshd } from "../support/via-servers.ts";
import { startVpcApi, type VpcApi } from "../support/vpc-api.ts";

const INSTANCE = "i-0123456789abcdef0";
const skip = lacking("psql", "ssh", "sshd", "ssh-keygen");

let standIn: StandIn;
let ssh: SshScene;
let vpc: VpcApi;
let eice: EiceApi;
let env: Readonly<Record<string, string>>;
let knownHosts = "";
before(async () => {
  if (skip !== false) return;
  standIn = await startStage();
  ssh = await startSshd();
  vpc = await startVpcApi(standIn.keys);
  const authorizedKeys = join(ssh.directory, "authorized_keys");
  eice = await startEiceApi(standIn.keys, { port: ssh.server.port, authorizedKeys });
  vpc.instances.push({
    id: INSTANCE,
    vpc: "vpc-a",
    subnet: "subnet-a",
    zone: "eu-west-1a",
    address: "10.0.0.9",
  });
  vpc.connectEndpoints.push(
    { id: "eice-1", vpc: "vpc-a", subnet: "subnet-b" },
    { id: "eice-2", vpc: "vpc-a", subnet: "subnet-a", state: "create-failed" },
    { id: "eice-3", vpc: "vpc-a", subnet: "subnet-a" },
    { id: "eice-4", vpc: "vpc-b", subnet: "subnet-a" },
  );
  // Its key under the instance's ID, as ssh itself would have written it down.
  const [, ...hostKey] = (await readFile(join(ssh.directory, "known_hosts"), "utf8")).split(" ");
  knownHosts = `${INSTANCE} ${hostKey.join(" ")}`;
  env = {
    ...standIn.env,
    ...ssh.env,
    TMPDIR: standIn.directory,
    AWS_ENDPOINT_URL_EC2: vpc.endpoint,
    AWS_ENDPOINT_URL_EC2_INSTANCE_CONNECT: eice.endpoint,
  };
});
after(async () => {
  for (const part of [eice, vpc, ssh, standIn]) await part?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  if (skip !== false) return;
  await eice.expireKeys();
  eice.sent.length = 0;
  eice.tunnels.length = 0;
  await writeFile(join(ssh.directory, "known_hosts"), knownHosts);
});

function through(words: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const [command = "", ...rest] = words;
  const via = `ssh+eice://${userInfo().username}@${INSTANCE}`;
  return rdsiam([command, "--via", via, ...rest], { env: { ...env, ...more } });
}

function psql(...words: readonly string[]): Promise<Finished> {
  return through(["psql", ...words, "prod", "-Atc", "select 42"]);
}

test(
  "psql --via ssh+eice: one tunnel and one key for all logins of the run; nothing is left of them",
  { skip },
  async () => {
    const script = "for i in 1 2 3; do psql -Atc 'select 42' & done; wait";
    const ran = await through(["exec", "-v", "prod", "bash", "-c", script]);
    assert.deepEqual([ran.status, ran.stdout], [0, "42\n42\n42\n"], ran.stderr);
    const [sent] = eice.sent;
    assert.equal(eice.sent.length, 1);
    assert.deepEqual([sent?.InstanceId, sent?.InstanceOSUser], [INSTANCE, userInfo().username]);
    assert.match(sent?.SSHPublicKey ?? "", /^ssh-ed25519 AAAA\S{64} rdsiam$/);
    const [tunnel] = eice.tunnels;
    assert.equal(eice.tunnels.length, 1);
    assert.deepEqual(
      ["instanceConnectEndpointId", "privateIpAddress", "remotePort", "X-Amz-Expires"].map((name) =>
        tunnel?.get(name),
      ),
      ["eice-3", "10.0.0.9", "22", "60"],
    );
    assert.ok(!ran.stderr.includes(tunnel?.get("X-Amz-Signature") ?? ""));
    const left = await readdir(standIn.directory);
    assert.deepEqual(
      left.filter((name) => name.startsWith("rdsiam-ssh-")),
      [],
    );
  },
);

test(
  "exec --via ssh+eice: the private key is in no file, argument or variable of a run",
  { skip },
  async () => {
    const script = `grep -rl 'PRIVATE KEY' "$TMPDIR"/rdsiam-ssh-*; ls "$TMPDIR"/rdsiam-ssh-*; env | grep -c SSH_AUTH_SOCK; psql -Atc 'select 42'`;
    const ran = await through(["exec", "prod", "bash", "-c", script]);
    assert.equal(ran.stdout, "c\nlog\n0\n42\n", ran.stderr);
    await until(async () => {
      const words = (await processes()).flatMap((each) => each.words);
      return !words.some((word) => word.includes(`${standIn.directory}/rdsiam-ssh-`));
    }, "no ssh is left");
  },
);

test(
  "psql --via ssh+eice: the tunnel is cut in a session; the next login has another one",
  { skip },
  async () => {
    const go = join(standIn.directory, "eice-cut");
    const script = `psql -Atc 'select pg_sleep(60)'; until [ -e '${go}' ]; do sleep 0.05; done; psql -Atc 'select 42'`;
    const running = through(["exec", "prod", "bash", "-c", script]);
    await untilSleeping(standIn).catch(async (cause: unknown) => {
      await writeFile(go, "");
      throw new Error((await running).stderr, { cause });
    });
    await eice.expireKeys();
    eice.endTunnels(4000, "maximum duration exceeded");
    await writeFile(go, "");
    const ran = await running;
    assert.equal(ran.stdout, "42\n", ran.stderr);
    assert.match(
      ran.stderr,
      /rdsiam: error: the EC2 Instance Connect Endpoint eice-3 ended the tunnel\nDETAIL: {2}It said: maximum duration exceeded\.\n/,
    );
    assert.deepEqual([eice.sent.length, eice.tunnels.length], [2, 2]);
  },
);

test("psql --via ssh+eice: ssh's own checks stay", { skip }, async () => {
  await writeFile(join(ssh.directory, "known_hosts"), "");
  const unknown = await psql();
  assert.equal(unknown.status, 125);
  assert.match(
    unknown.stderr,
    /ssh could not connect to i-0123456789abcdef0\nDETAIL: .*Host key verification failed[^]*HINT: {2}Connect once on a terminal/,
  );
  assert.deepEqual(eice.sent, []);
});

test("psql --via ssh+eice: each refusal has its sentence", { skip }, async () => {
  eice.refuseKeys = "AccessDeniedException";
  const noKey = await psql();
  eice.refuseKeys = undefined;
  assert.match(
    noKey.stderr,
    /^rdsiam: error: not allowed to call ec2-instance-connect:SendSSHPublicKey in eu-west-1\n/,
  );
  eice.refuseTunnels = 403;
  const noTunnel = await psql();
  eice.refuseTunnels = undefined;
  assert.match(
    noTunnel.stderr,
    /^rdsiam: error: the EC2 Instance Connect Endpoint eice-3 opened no tunnel\nDETAIL: {2}It answered with HTTP status 403\.\nHINT: {2}The identity needs ec2-instance-connect:OpenTunnel/,
  );
  const endpoints = vpc.connectEndpoints.splice(0);
  const none = await psql();
  vpc.connectEndpoints.push(...endpoints);
  assert.match(
    none.stderr,
    /there is no EC2 Instance Connect Endpoint in vpc-a\nDETAIL: .*\nHINT: {2}Create one: aws ec2 create-instance-connect-endpoint --subnet-id subnet-a/,
  );
  const [instance] = vpc.instances;
  if (instance !== undefined) instance.state = "stopped";
  const stopped = await psql();
  if (instance !== undefined) delete instance.state;
  assert.match(
    stopped.stderr,
    /cannot be reached by EC2 Instance Connect\nDETAIL: {2}It is stopped\./,
  );
});
