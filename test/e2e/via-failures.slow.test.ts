// What can go wrong on a way, and what a person is told: no secret, the cause as DETAIL, what to do as HINT.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { makeLeaf } from "../../src/demo/certificates.ts";
import { type Finished, rdsiam } from "../support/program.ts";
import { marked, until } from "../support/traces.ts";
import { lackingFor, sshMasters, startViaScene } from "../support/via-scene.ts";
import { freePort, lacking } from "../support/via-servers.ts";
import { keep } from "../support/keep.ts";

const scene = await keep(startViaScene());

const skip = lacking("psql");
const SELECT = ["prod", "-Atc", "select 42"];

function psql(via: string, env: Readonly<Record<string, string>> = {}): Promise<Finished> {
  return rdsiam(["psql", "--via", via, ...SELECT], { env: { ...scene.standIn.env, ...env } });
}

function byPlugin(): Readonly<Record<string, string>> {
  return { ...scene.ssm.env, RDSIAM_SSM_PLUGIN: "yes" };
}

function fromEnvironment(
  via: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  return rdsiam(["psql", ...SELECT], { env: { ...scene.standIn.env, RDSIAM_VIA: via, ...env } });
}

test(
  "--via + a tunnel that is not open is refused, with the command that opens one",
  { skip },
  async () => {
    const ran = await psql(`127.0.0.1:${await freePort()}`);
    assert.equal(ran.status, 2);
    assert.match(
      ran.stderr,
      /FATAL: {2}could not connect to the tunnel at 127\.0\.0\.1:\d+\nDETAIL: {2}Nothing listens there.*\nHINT: {2}.*ssh -N -L/,
    );
  },
);

test(
  "--via + a tunnel to the wrong server gets no token",
  { skip: lackingFor("tunnel") },
  async () => {
    const { authority, gateway } = scene.standIn;
    const wrong = await makeLeaf({
      subject: "CN=other.example.com",
      names: ["other.example.com"],
      issuer: authority,
    });
    const right = await makeLeaf({
      subject: "CN=orders",
      names: [scene.standIn.canonicalHost, scene.standIn.instanceHost],
      issuer: authority,
    });
    const tokens = gateway.tokens.length;
    gateway.setCertificate({ cert: wrong.cert, key: wrong.key });
    const args = scene.ways.get("tunnel")?.args ?? [];
    const ran = await rdsiam(["psql", ...args, ...SELECT], { env: scene.standIn.env });
    gateway.setCertificate({ cert: right.cert, key: right.key });
    assert.match(ran.stderr, /the certificate of orders\.cluster-\S+ is not trusted/);
    assert.match(ran.stderr, /No auth token was sent/);
    assert.equal(gateway.tokens.length, tokens);
    const again = await rdsiam(["psql", ...args, ...SELECT], { env: scene.standIn.env });
    assert.equal(again.stdout, "42\n", again.stderr);
  },
);

test("--via + a password on the command line is refused before anything is asked of anybody", async () => {
  for (const via of [
    "socks5://u:hunter22@h:1",
    "http://u:hunter22@h:1",
    "https://u:hunter22@h:1",
  ]) {
    const ran = await psql(via);
    assert.equal(ran.status, 125);
    assert.match(
      ran.stderr,
      /^rdsiam: error: --via must not have a password in it\nHINT: {2}Put it in RDSIAM_VIA/,
    );
    assert.doesNotMatch(ran.stderr, /hunter22/);
  }
});

test("RDSIAM_VIA and rds_via + may have a command", { skip: lackingFor("command") }, async () => {
  const ran = await fromEnvironment("command:socat - TCP:%h:%p");
  assert.equal(ran.status, 0, ran.stderr);
  const settings = { ...scene.standIn.targetSettings, rds_user: "app_ro" };
  await scene.standIn.addProfile(
    "by-command",
    { ...settings, rds_via: "command:socat - TCP:%h:%p" },
    scene.standIn.key,
  );
  const configured = await rdsiam(["psql", "by-command", "-Atc", "select 42"], {
    env: scene.standIn.env,
  });
  assert.deepEqual([configured.status, configured.stdout], [0, "42\n"], configured.stderr);
});

test("--via command + what it says on stderr is the DETAIL", { skip }, async () => {
  const ran = await psql("command:sh -c 'echo no way today >&2; exit 7'");
  assert.match(
    ran.stderr,
    /FATAL: {2}the command of rds_via broke the connection to orders\.cluster-\S+ port \d+/,
  );
  assert.match(
    ran.stderr,
    /DETAIL: {2}The command ended with exit status 7\. It said: no way today/,
  );
  const silent = await psql("command:true");
  assert.match(
    silent.stderr,
    /DETAIL: {2}The command ended with exit status 0\. It said nothing on stderr/,
  );
});

test(
  "--via + a proxy's refusal of the password does not show it",
  { skip: lackingFor("socks5") || lackingFor("http") },
  async () => {
    const socks = scene.ways.get("socks5")?.env["RDSIAM_VIA"] ?? "";
    const http = scene.ways.get("http")?.env["RDSIAM_VIA"] ?? "";
    for (const via of [
      socks.replace("p%40ss%3Aw", "wr%40ng-word"),
      http.replace("pw4u", "wr%40ng-word"),
    ]) {
      const ran = await rdsiam(["psql", "-v", ...SELECT], {
        env: { ...scene.standIn.env, RDSIAM_VIA: via },
      });
      assert.equal(ran.status, 2);
      assert.match(ran.stderr, /(rejected the login|opened no tunnel)/);
      assert.match(ran.stderr, /did not accept the user and password|HTTP status 4\d\d/);
      assert.doesNotMatch(ran.stderr, /wr@ng-word|wr%40ng-word/);
    }
    const anonymous = await psql(socks.replace("u:p%40ss%3Aw@", ""));
    assert.match(anonymous.stderr, /It asks for a user and a password, and rds_via has none/);
  },
);

test(
  "--via socks5 + without dns_servers the proxy looks the name up, and says that it cannot",
  { skip: lackingFor("socks5") },
  async () => {
    const { rds_dns_servers: _, ...settings } = scene.standIn.targetSettings;
    const named = {
      ...settings,
      rds_user: "app_ro",
      rds_host: "orders.cluster-c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com",
    };
    await scene.standIn.addProfile("far-name", named, scene.standIn.key);
    const env = { ...scene.standIn.env, RDSIAM_VIA: scene.ways.get("socks5")?.env["RDSIAM_VIA"] };
    const ran = await rdsiam(["psql", "far-name", "-Atc", "select 42"], { env });
    assert.match(
      ran.stderr,
      /the SOCKS proxy \S+ opened no connection to orders\.cluster-\S+ port \d+\nDETAIL: {2}It /,
    );
  },
);

test(
  "--via http + a port that the proxy does not allow",
  { skip: lackingFor("http") },
  async () => {
    const via = scene.ways.get("http")?.env["RDSIAM_VIA"] ?? "";
    const { env, canonicalHost } = scene.standIn;
    const ran = await rdsiam(["psql", "--host", `${canonicalHost}:1`, ...SELECT], {
      env: { ...env, RDSIAM_VIA: via },
    });
    assert.match(
      ran.stderr,
      /the proxy \S+ opened no tunnel to orders\S+ port 1\nDETAIL: {2}It answered CONNECT with HTTP status 403/,
    );
  },
);

test(
  "--via ssh + a host key that is not known ends it before the tool starts",
  { skip: lackingFor("ssh") },
  async () => {
    const { ssh } = scene;
    assert.ok(ssh !== undefined);
    const file = join(ssh.directory, "known_hosts");
    const known = await readFile(file, "utf8");
    await writeFile(file, "");
    const ran = await psql(ssh.via, ssh.env);
    await writeFile(file, known);
    assert.equal(ran.status, 125);
    assert.match(
      ran.stderr,
      /^rdsiam: error: ssh could not connect to 127\.0\.0\.1\nDETAIL: {2}ssh ended with exit status 255\. It said: .*Host key verification failed/,
    );
    assert.match(
      ran.stderr,
      /HINT: {2}Compare the host key and accept it once with: ssh -p \d+ (?:\S+@)?127\.0\.0\.1\n/,
    );
    assert.deepEqual(await sshMasters(ssh), []);
  },
);

test("--via ssh + a port that the bastion cannot reach", { skip: lackingFor("ssh") }, async () => {
  const { ssh, standIn } = scene;
  assert.ok(ssh !== undefined);
  const host = `${standIn.canonicalHost}:${await freePort()}`;
  const ran = await rdsiam(["psql", "--via", ssh.via, "--host", host, ...SELECT], {
    env: { ...standIn.env, ...ssh.env },
  });
  assert.match(
    ran.stderr,
    /FATAL: {2}127\.0\.0\.1 opened no connection to orders\S+ port \d+\nDETAIL: {2}ssh ended with exit status \d+\. It said: .*Connection refused.*\nHINT: {2}Check from the bastion/,
  );
});

test("--via ssh + many logins share one connection", { skip: lackingFor("ssh") }, async () => {
  const { ssh, standIn } = scene;
  assert.ok(ssh !== undefined);
  const accepted = (): number => ssh.server.output().match(/Accepted publickey/g)?.length ?? 0;
  const start = accepted();
  const script = `for i in 1 2 3 4; do psql -Atc 'select 42' & done; wait`;
  const env = { ...standIn.env, ...ssh.env };
  const ran = await rdsiam(["exec", "--via", ssh.via, "prod", "bash", "-c", script], { env });
  assert.deepEqual([ran.stdout, ran.stderr], ["42\n42\n42\n42\n", ""]);
  assert.equal(accepted(), start + 1);
});

test(
  "--via ssm by the plugin + it gets what the AWS CLI gives it, and no token on its command line",
  { skip },
  async () => {
    const { ssm, standIn } = scene;
    const ran = await psql("ssm://i-0123456789abcdef0", byPlugin());
    assert.deepEqual([ran.stdout, ran.stderr], ["42\n", ""]);
    const start = (await ssm.starts()).at(-1);
    const request = {
      Target: "i-0123456789abcdef0",
      DocumentName: "AWS-StartPortForwardingSessionToRemoteHost",
      Parameters: { host: ["127.0.0.1"], portNumber: [String(standIn.gateway.port)] },
    };
    assert.deepEqual(ssm.calls.at(-1), {
      action: "AmazonSSM.StartSession",
      request,
      caller: standIn.key.arn,
    });
    assert.deepEqual(start?.argv.slice(0, 4), [
      "AWS_SSM_START_SESSION_RESPONSE",
      "eu-west-1",
      "StartSession",
      "prod",
    ]);
    assert.deepEqual(JSON.parse(start?.argv[4] ?? ""), request);
    assert.equal(start?.argv[5], ssm.endpoint);
    assert.equal(JSON.parse(start?.variable ?? "").TokenValue, ssm.tokens.at(-1));
    assert.equal(start?.localHost, "127.0.0.1");
  },
);

test(
  "--via ssm by the plugin + an old one gets the token in the old way, with a warning",
  { skip },
  async () => {
    const { ssm } = scene;
    await ssm.setVersion("1.2.497.0");
    const ran = await psql("ssm://i-0123456789abcdef0", byPlugin());
    await ssm.setVersion("1.2.707.0");
    assert.equal(ran.stdout, "42\n");
    assert.match(ran.stderr, /^rdsiam: warning: session-manager-plugin is 1\.2\.497\.0/);
    assert.equal(
      JSON.parse((await ssm.starts()).at(-1)?.argv[0] ?? "").TokenValue,
      ssm.tokens.at(-1),
    );
  },
);

test("--via ssm by the plugin + one that dies at its start says why", { skip }, async () => {
  const { ssm } = scene;
  await ssm.setMode("die");
  const ran = await psql("ssm://i-0123456789abcdef0", byPlugin());
  await ssm.setMode("forward");
  assert.match(
    ran.stderr,
    /FATAL: {2}session-manager-plugin opened no port\nDETAIL: {2}session-manager-plugin ended with exit status 1\. It said: .*the target is gone/,
  );
});

test(
  "--via ssm by the plugin + one that hangs is ended, and the next login starts another",
  { skip },
  async () => {
    const { ssm, standIn } = scene;
    const mark = `via-hangs-${process.pid}`;
    for (const mode of ["hang", "silent"] as const) {
      await ssm.setMode(mode);
      const go = join(standIn.directory, `${mark}-${mode}`);
      const script = `psql -Atc 'select 41'; touch '${go}'; until [ -e '${go}.go' ]; do sleep 0.05; done; psql -Atc 'select 42'`;
      const env = {
        ...standIn.env,
        ...byPlugin(),
        RDSIAM_CONNECT_TIMEOUT: "8",
        RDSIAM_TEST_MARK: mark,
      };
      const running = rdsiam(
        ["exec", "--via", "ssm://i-0123456789abcdef0", "prod", "bash", "-c", script],
        { env },
      );
      await until(
        () =>
          readFile(go).then(
            () => true,
            () => false,
          ),
        "the first login has failed",
      );
      await ssm.setMode("forward");
      await writeFile(`${go}.go`, "");
      const ran = await running;
      assert.equal(ran.stdout, "42\n", ran.stderr);
      assert.match(
        ran.stderr,
        mode === "hang"
          ? /in 8 s\nDETAIL: {2}The connection through Session Manager on i-/
          : /opened no port|in 8 s/,
      );
      await until(async () => (await marked(mark)).length === 0, `the end of the plugin: ${mode}`);
    }
  },
);

test(
  "--via ssm by the plugin + a refusal of the API and a missing plugin, each with what to do",
  { skip },
  async () => {
    const { ssm } = scene;
    for (const [refusal, hint] of [
      ["AccessDeniedException", /HINT: {2}Allow ssm:StartSession/],
      ["TargetNotConnected", /HINT: {2}Check that it runs and is connected/],
    ] as const) {
      ssm.refuseWith = refusal;
      const ran = await psql("ssm://i-0123456789abcdef0", byPlugin());
      ssm.refuseWith = undefined;
      assert.match(
        ran.stderr,
        /cannot start a Session Manager session on i-0123456789abcdef0 in eu-west-1/,
      );
      assert.match(ran.stderr, hint);
    }
    const missing = await psql("ssm://i-0123456789abcdef0", { RDSIAM_SSM_PLUGIN: "yes" });
    assert.equal(missing.status, 125);
    assert.match(
      missing.stderr,
      /^rdsiam: error: session-manager-plugin was not found\nDETAIL: .*\nHINT: {2}Set rds_ssm_plugin = no to do without it, or install it: https:\/\/docs\.aws\.amazon\.com\//,
    );
  },
);
