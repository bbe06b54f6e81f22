// Every form of --via as a table, and that none of its secrets is ever repeated.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RdsIamError } from "../../src/base/errors.ts";
import { describeVia, parseVia, viaSecrets } from "../../src/via/parse.ts";

const OLD = { kind: "rds-auth-proxy", ca: undefined, sslmode: "verify-full" };

function byTag(key: string, pattern: string) {
  return { kind: "ssm", instance: undefined, tag: { key, pattern } };
}

function inCluster(resource: string, port: number, context?: string) {
  return { context, namespace: "data", resource, port };
}

const READ: readonly (readonly [string, unknown])[] = [
  ["direct", { kind: "direct" }],
  ["localhost:15432", { kind: "forwarded-port", host: "localhost", port: 15_432 }],
  ["[::1]:15432", { kind: "forwarded-port", host: "::1", port: 15_432 }],
  ["ssh://bastion", { kind: "ssh", host: "bastion", port: undefined, user: undefined }],
  [
    "ssh://jane@bastion.example.com:2222/",
    { kind: "ssh", host: "bastion.example.com", port: 2222, user: "jane" },
  ],
  ["ssh://jane%40corp@b", { kind: "ssh", host: "b", port: undefined, user: "jane@corp" }],
  [
    "ssh+eice://jane@i-0123456789abcdef0",
    { kind: "eice", instance: "i-0123456789abcdef0", user: "jane" },
  ],
  ["ssh+eice://i-01234567/", { kind: "eice", instance: "i-01234567", user: "ec2-user" }],
  ["ssm://i-0123456789abcdef0", { kind: "ssm", instance: "i-0123456789abcdef0" }],
  ["ssm://mi-0123456789abcdef0", { kind: "ssm", instance: "mi-0123456789abcdef0" }],
  ["ssm://ecs:prod_0f9a_0f9a-123", { kind: "ssm", instance: "ecs:prod_0f9a_0f9a-123" }],
  ["ssm", { kind: "ssm", instance: undefined, tag: undefined }],
  ["ssm://auto/", { kind: "ssm", instance: undefined, tag: undefined }],
  ["ssm://Name=bastion*", byTag("Name", "bastion*")],
  ["ssm://tag:role=a%40b=c?", byTag("role", "a@b=c?")],
  ["ssm://tag:Cost Center=42", byTag("Cost Center", "42")],
  ["socks5://h", { kind: "socks5", host: "h", port: 1080, user: undefined, password: undefined }],
  ["socks5h://u:p%40ss@h:9", { kind: "socks5", host: "h", port: 9, user: "u", password: "p@ss" }],
  ["http://h", { kind: "http", host: "h", port: 3128, user: undefined, password: undefined }],
  ["HTTP://h", { kind: "http", host: "h", port: 3128, user: undefined, password: undefined }],
  ["HTTPS://u:50%@h", { kind: "https", host: "h", port: 443, user: "u", password: "50%" }],
  ["command:nc %h %p", { kind: "command", command: "nc %h %p" }],
  ["command: printf '%%'", { kind: "command", command: "printf '%%'" }],
  ["relay://r", { kind: "relay", host: "r", port: 8443, ca: undefined, client: undefined }],
  [
    "relay://r:9/?ca=a.pem&cert=c.pem&key=k.pem",
    { kind: "relay", host: "r", port: 9, ca: "a.pem", client: { cert: "c.pem", key: "k.pem" } },
  ],
  ["kube://data/svc/db", { kind: "kube", ...inCluster("svc/db", 5432) }],
  [
    "kube://arn:aws:eks:eu-west-1:1:cluster/p/data/deploy/db:6000/",
    { kind: "kube", ...inCluster("deploy/db", 6000, "arn:aws:eks:eu-west-1:1:cluster/p") },
  ],
  ["kube://jane@c/data/pod/db-0.x:1", { kind: "kube", ...inCluster("pod/db-0.x", 1, "jane@c") }],
  [
    "kube+relay://data/svc/r?ca=a.pem",
    {
      kind: "relay",
      host: "r.data.svc",
      port: 8443,
      kube: inCluster("svc/r", 8443),
      ca: "a.pem",
      client: undefined,
    },
  ],
  [
    "kube+relay://ctx/data/deploy/r:9?host=relay.example.com&cert=c.pem&key=k.pem",
    {
      kind: "relay",
      host: "relay.example.com",
      port: 9,
      kube: inCluster("deploy/r", 9, "ctx"),
      ca: undefined,
      client: { cert: "c.pem", key: "k.pem" },
    },
  ],
  [
    "kube+rds-auth-proxy://data/svc/old?sslmode=require",
    {
      ...OLD,
      host: "old.data.svc",
      port: 8000,
      kube: inCluster("svc/old", 8000),
      sslmode: "require",
    },
  ],
  ["rds-auth-proxy://r?ca=a.pem", { ...OLD, host: "r", port: 8000, ca: "a.pem" }],
  ["rds-auth-proxy://r:9?sslmode=verify-full", { ...OLD, host: "r", port: 9 }],
  ...(["require", "disable"] as const).flatMap((sslmode) =>
    ["localhost", "127.0.0.2", "::1"].map((host) => {
      const text = `rds-auth-proxy://${host === "::1" ? "[::1]" : host}:9?sslmode=${sslmode}`;
      return [text, { ...OLD, host, port: 9, sslmode }] as const;
    }),
  ),
];

test("parseVia() + reads every form", () => {
  for (const [text, via] of READ) assert.deepEqual(parseVia(text, "target"), via, text);
});

const REFUSED = [
  "",
  "bastion",
  "bastion:",
  "bastion:0",
  "bastion:65536",
  "a b:1",
  "[nonsense]:1",
  "ftp://h:1",
  "ssh://",
  "ssh://-oProxyCommand=x",
  "ssh://-l@h",
  "ssh://u:secret@h",
  "ssh://h/path",
  "ssh://h:x",
  "ssh+eice://",
  "ssh+eice://bastion",
  "ssh+eice://i-01234567:22",
  "ssh+eice://-l@i-01234567",
  "ssh+eice://u:secret@i-01234567",
  "ssm://",
  "ssm://bastion",
  "ssm://i-XYZ",
  "ssm://Name=",
  "ssm://tag:=x",
  "ssm://role=bastion",
  "ssm://u@i-0123456789abcdef0",
  "socks5://",
  "socks5://h:99999",
  "http://h/path",
  "command:",
  "command:  ",
  "command:nc %x",
  "command:a%",
  "command:a\nb",
  "kube://",
  "kube://svc/db",
  "kube://data/db",
  "kube://data/cm/db",
  "kube://Data/svc/db",
  "kube://data/svc/-db",
  "kube://data/svc/db:0",
  "kube://data/svc/db:65536",
  "kube://data/svc/db?ca=f",
  "kube+relay://data/svc/r?host=a:1",
  "kube+relay://data/svc/r?name=a",
  "kube+ssh://data/svc/r",
  "relay://?host=r",
  "relay://r?host=r",
  "relay://",
  "relay://r?ca=",
  "relay://r?sslmode=require",
  "relay://r?cert=c.pem",
  "relay://r?key=k.pem",
  "rds-auth-proxy://127.0.0.1",
  "rds-auth-proxy://r?sslmode=require",
  "rds-auth-proxy://10.0.0.1?sslmode=require",
  "rds-auth-proxy://127.example.com?sslmode=require",
  "rds-auth-proxy://r?sslmode=disable",
  "rds-auth-proxy://localhost?sslmode=prefer",
  "rds-auth-proxy://localhost?sslmode=disable&ca=f",
];

test("describeVia() + says which instance, or what is known of it", () => {
  const said = (text: string): string => describeVia(parseVia(text, "target"));
  assert.equal(said("ssm"), "Session Manager on the nearest instance");
  assert.equal(
    said("ssm://tag:role=b*"),
    "Session Manager on the nearest instance whose tag role is b*",
  );
  assert.equal(said("ssm://i-0123456789abcdef0"), "Session Manager on i-0123456789abcdef0");
  assert.equal(said("kube://c/data/svc/db"), "kubectl port-forward to svc/db in data");
  assert.equal(said("kube+relay://data/svc/r"), "the relay svc/r in data (kubectl port-forward)");
});

test("parseVia() + refuses what is not a tunnel, with an ERR_CONFIG that names where it was given", () => {
  for (const text of REFUSED) {
    assert.throws(
      () => parseVia(text, "target"),
      (error) => {
        assert.ok(error instanceof RdsIamError, text);
        assert.equal(error.code, "ERR_CONFIG");
        assert.match(error.message, /^rds_via /);
        return true;
      },
    );
  }
});

test("parseVia() + a bare name gets the tunnel that it could mean, and nothing else is repeated", () => {
  const hintOf = (text: string): string => {
    try {
      parseVia(text, "target");
    } catch (error) {
      return (error as RdsIamError).hint ?? "";
    }
    return "";
  };
  assert.match(hintOf("bastion.example.com"), /^Did you mean ssh:\/\/bastion\.example\.com\? /);
  assert.match(hintOf("i-0123456789abcdef0"), /^Did you mean ssm:\/\/i-0123456789abcdef0\? /);
  assert.doesNotMatch(hintOf("u:secret@bastion"), /Did you mean|secret/);
});

test("parseVia() + a command is taken from everywhere, a password not from the command line", () => {
  assert.throws(
    () => parseVia("socks5://u:p@h:1", "option"),
    /--via must not have a password in it/,
  );
  for (const source of ["option", "environment", "target"] as const)
    assert.equal(parseVia("command:nc %h %p", source).kind, "command");
  assert.equal(parseVia("socks5://u:p@h:1", "environment").kind, "socks5");
  assert.equal(parseVia("socks5://u@h:1", "option").kind, "socks5");
});

test("parseVia() + no error and no description repeats a password", () => {
  const password = fc.stringMatching(/^[a-zA-Z0-9!$&*+;=~%-]{6,20}$/);
  const rest = fc.constantFrom("@h:1", "@h", "@h:99999", "@", "@h/x", "", "@h:1@", "@ h");
  const scheme = fc.constantFrom("socks5", "http", "https", "ssh", "ssm", "ftp");
  const source = fc.constantFrom("option", "environment", "target" as const);
  fc.assert(
    fc.property(fc.tuple(scheme, password, rest, source), ([kind, secret, tail, from]) => {
      try {
        const via = parseVia(`${kind}://user:hidden${secret}${tail}`, from);
        assert.ok(!describeVia(via).includes("hidden"));
        assert.ok(viaSecrets(via).every((text) => text.includes("hidden")));
      } catch (error) {
        if (!(error instanceof RdsIamError)) throw error;
        assert.ok(![error.message, error.detail, error.hint].join(" ").includes("hidden"));
      }
    }),
  );
});
