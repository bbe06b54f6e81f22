// Which CA certificates are trusted, by kind, Region and --sslrootcert.
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { rootCertificates } from "node:tls";
import { trustedCertificates } from "../../src/rds/certificates.ts";
import { temporaryDirectory } from "../support/keep.ts";

function trust(kind: string, region: string | undefined, sslrootcert?: string) {
  return trustedCertificates({ kind, region, sslrootcert });
}

function subjects(certificates: readonly string[]): string[] {
  return certificates.map(
    (pem) =>
      new X509Certificate(pem).subject.split("\n").find((line) => line.startsWith("CN=")) ?? "",
  );
}

const AMAZON = [
  "CN=Amazon Root CA 1",
  "CN=Amazon Root CA 2",
  "CN=Amazon Root CA 3",
  "CN=Amazon Root CA 4",
  "CN=Starfield Services Root Certificate Authority - G2",
];

test("trustedCertificates() gives an RDS kind the valid roots of its Region and Amazon's, and no others", async () => {
  const { certificates, description } = await trust("instance", "eu-west-1");
  assert.deepEqual(subjects(certificates).toSorted(), [
    "CN=Amazon RDS eu-west-1 Root CA ECC384 G1",
    "CN=Amazon RDS eu-west-1 Root CA RSA2048 G1",
    "CN=Amazon RDS eu-west-1 Root CA RSA4096 G1",
    ...AMAZON,
  ]);
  assert.equal(description, "the built-in RDS roots of eu-west-1 and Amazon's");
  const shardgroup = await trust("shardgroup", "eu-west-1");
  assert.deepEqual(shardgroup.certificates, certificates.slice(0, 3));
});

test("trustedCertificates() gives all valid RDS roots for a Region without its own", async () => {
  const { certificates } = await trust("cluster", "il-central-1");
  assert.ok(certificates.length > 70);
  for (const pem of certificates) {
    const certificate = new X509Certificate(pem);
    assert.ok(Date.parse(certificate.validTo) > Date.now(), certificate.subject);
    if (AMAZON.some((name) => certificate.subject.includes(name))) continue;
    assert.match(certificate.subject, /CN=Amazon RDS [a-z]+-[a-z-]+-\d Root CA/);
  }
});

test("trustedCertificates() leaves out roots that have expired by now", async () => {
  const late = () => Date.parse("2090-01-01");
  const { certificates } = await trustedCertificates({
    kind: "instance",
    region: "eu-west-1",
    sslrootcert: undefined,
    now: late,
  });
  assert.ok(!subjects(certificates).some((name) => name.includes("RSA2048")));
  assert.equal(certificates.length, 2 + AMAZON.length);
});

test("trustedCertificates() gives RDS Proxy the Amazon roots, which are those of the runtime's own list", async () => {
  const known = new Set(rootCertificates.map((pem) => new X509Certificate(pem).fingerprint256));
  for (const kind of ["proxy", "proxy-endpoint"]) {
    const { certificates } = await trust(kind, "eu-west-1");
    assert.deepEqual(subjects(certificates), AMAZON);
    assert.ok(certificates.every((pem) => known.has(new X509Certificate(pem).fingerprint256)));
  }
});

test("trustedCertificates() gives a name of unknown kind RDS's roots alone, and the system's only on request", async () => {
  for (const region of ["eu-west-1", "xx-new-1", undefined]) {
    assert.deepEqual(await trust("unknown", region), await trust("shardgroup", region));
  }
  const amazon = new Set((await trust("proxy", "eu-west-1")).certificates);
  const { certificates } = await trust("unknown", "eu-west-1");
  assert.ok(!certificates.some((pem) => amazon.has(pem)));
  const system = await trust("unknown", "eu-west-1", "system");
  assert.ok(subjects(system.certificates).includes("CN=Amazon Root CA 1"));
});

test("trustedCertificates() replaces everything by a file", async () => {
  const directory = await temporaryDirectory("ca");
  const file = join(directory, "ca.pem");
  const [first = "", second = ""] = rootCertificates;
  await writeFile(file, `# a comment\n${first}\r\n${second}`);
  assert.deepEqual(
    subjects((await trust("instance", "eu-west-1", file)).certificates),
    subjects([first, second]),
  );

  await writeFile(file, "garbage");
  await assert.rejects(trust("instance", "eu-west-1", file), {
    code: "ERR_CERTIFICATE",
    message: `there is no certificate in ${file}`,
  });

  await writeFile(file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  await assert.rejects(trust("instance", "eu-west-1", file), {
    code: "ERR_CERTIFICATE",
    message: `certificate 1 in ${file} cannot be read`,
  });

  await assert.rejects(trust("instance", "eu-west-1", join(directory, "none")), {
    code: "ERR_CERTIFICATE",
    message: /ENOENT$/,
  });
});

test("trustedCertificates() adds the system's certificates to the built-in ones", async () => {
  const { certificates } = await trust("instance", "eu-west-1", "system");
  assert.ok(certificates.length > 3 + 20);
  assert.match(subjects(certificates)[0] ?? "", /Amazon RDS eu-west-1/);
});

test("trustedCertificates() of one kind of name verifies nothing that a root of the other kind issued", async () => {
  const read = (list: readonly string[]) => list.map((pem) => new X509Certificate(pem));
  const rds = read((await trust("shardgroup", undefined)).certificates);
  const amazon = read((await trust("proxy", "eu-west-1")).certificates);
  for (const [roots, issued] of [[rds, amazon] as const, [amazon, rds] as const]) {
    for (const certificate of issued) {
      assert.ok(certificate.verify(certificate.publicKey), certificate.subject);
      assert.ok(!roots.some((root) => certificate.verify(root.publicKey)), certificate.subject);
      assert.ok(!roots.some((root) => certificate.checkIssued(root)), certificate.subject);
    }
  }
});

test("trustedCertificates() takes several files and directories, each certificate once", async () => {
  const directory = await temporaryDirectory("ca");
  const [one = "", two = "", three = ""] = rootCertificates;
  const file = join(directory, "one.pem");
  const others = join(directory, "others");
  await mkdir(join(others, "deeper"), { recursive: true });
  await writeFile(file, one);
  // As OpenSSL names them, beside a file of another kind.
  await writeFile(join(others, "1f2e3d4c.0"), `${two}\n${one}\n`);
  await writeFile(join(others, "another.crt"), three);
  await writeFile(join(others, "README"), "no certificate");
  const { certificates, description } = await trust("unknown", undefined, `${file},${others}`);
  const bare = (pem: string): string => pem.trim();
  assert.deepEqual(certificates.map(bare).toSorted(), [one, two, three].map(bare).toSorted());
  assert.equal(description, `the certificates in ${file},${others}`);
  await assert.rejects(trust("unknown", undefined, `${file},${join(others, "deeper")}`), {
    code: "ERR_CERTIFICATE",
    message: `there is no certificate in ${join(others, "deeper")}`,
  });
  await assert.rejects(
    trust("unknown", undefined, `${file},${join(directory, "nowhere")}`),
    /ENOENT/,
  );
  await writeFile(
    join(others, "broken.pem"),
    "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n",
  );
  await assert.rejects(trust("unknown", undefined, others), /broken\.pem cannot be read/);
});
