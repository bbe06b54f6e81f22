// What PGT-Proxy does by its own README, by the command line that docs/migrate.md makes of it, in front of a real PostgreSQL
// whose certificate is of a private CA and has another name than the one that is dialled.
// https://github.com/ambarltd/pgt-proxy
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Certificate, makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { type OpenProxy, openProxy } from "../support/open-proxy.ts";
import { type Finished, run, without } from "../support/program.ts";
import { startTlsPostgres, type TlsPostgres } from "../support/tls-postgres.ts";
import { until } from "../support/traces.ts";

const PSQL = { skip: without("psql") };
const PASSWORD = "XXX of the user's own";
const PUBLIC_NAME = "hostname-in-certificate.example.com";
const PRIVATE_NAME = "c-abcdef.cluster-crawki488h3k.eu-west-1.rds.amazonaws.com";

let directory: string;
let server: TlsPostgres;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "rdsiam-pgt-proxy-"));
  const privateCa = await makeAuthority({ subject: "CN=a private CA" });
  const publicCa = await makeAuthority({ subject: "CN=a public CA" });
  const issue = (name: string, issuer: Certificate): Promise<Certificate> =>
    makeLeaf({ subject: `CN=${name.slice(0, 64)}`, names: [name], issuer });
  const { cert, key } = await issue(PUBLIC_NAME, publicCa);
  await mkdir(path("ca-roots"));
  const others = await makeAuthority({ subject: "CN=another private CA" });
  const files = {
    "ca-roots/another.pem": others.cert,
    "ca-roots/private.pem": privateCa.cert,
    "public-ca.pem": publicCa.cert,
    "cert.pem": cert,
    "key.pem": key,
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(path(name), text, { mode: 0o600 });
  }
  server = await startTlsPostgres({
    certificate: await issue(PRIVATE_NAME, privateCa),
    hba: ["host all all 127.0.0.1/32 scram-sha-256"],
    statements: [`create role admin login password '${PASSWORD.replaceAll("'", "''")}'`],
  });
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

function path(name: string): string {
  return join(directory, name);
}

/** pgt_proxy's six options, of which a test may change some. */
function pgtProxy(
  place: { readonly port?: number; readonly name?: string; readonly roots?: string } = {},
): OpenProxy {
  const { port = server.port, name = PRIVATE_NAME, roots = path("ca-roots") } = place;
  const served = ["--tls-key", path("key.pem"), "--tls-cert", path("cert.pem"), "--require-tls"];
  const dialled = ["--host", `127.0.0.1:${port}`, "--sign-host", name, "--sslrootcert", roots];
  const words = ["--auth", "pass-through", "--listen", "0.0.0.0", "--port", "0"];
  return openProxy([...served, ...words, ...dialled], { HOME: directory });
}

async function psql(
  proxy: OpenProxy,
  words = "",
  query = "select current_user, ssl from pg_stat_ssl where pid = pg_backend_pid()",
): Promise<Finished> {
  const [, port = ""] = await proxy.printed(/127\.0\.0\.1:(\d+)\/.*\n/);
  const place = `host=${PUBLIC_NAME} hostaddr=127.0.0.1 port=${port} user=admin dbname=postgres`;
  const tls = `sslmode=verify-full sslrootcert=${path("public-ca.pem")}`;
  const env = { HOME: directory, PGPASSWORD: PASSWORD };
  return run(["psql", "-XAt", `${place} ${tls} ${words}`, "-c", query], { env });
}

test(
  "PGT-Proxy: psql verifies the proxy in full, the proxy the server, and the login is the user's own",
  PSQL,
  async () => {
    await using proxy = pgtProxy();
    const ran = await psql(proxy, "channel_binding=disable");
    assert.deepEqual([ran.status, ran.stdout], [0, "admin|t\n"], ran.stderr);
    // What PGT-Proxy's README says of it, this proxy says to whoever has forgotten it.
    const bound = await psql(proxy);
    assert.match(bound.stderr, /HINT: .* connect with channel_binding=disable\.\n$/);
    const wrong = await psql(proxy, "channel_binding=disable password=wrong");
    assert.match(wrong.stderr, /FATAL: {2}password authentication failed for user "admin"\n$/);
    assert.ok(!`${proxy.stdout()}${proxy.stderr()}`.includes(PASSWORD));
    assert.equal(await proxy.end(), 0);
  },
);

test("PGT-Proxy: plaintext from the client is refused", PSQL, async () => {
  await using proxy = pgtProxy();
  const before_ = (await server.log()).length;
  const plain = await psql(proxy, "sslmode=disable");
  assert.equal(plain.status, 2);
  assert.match(plain.stderr, /no encryption/);
  // The server has not heard of it.
  assert.equal((await server.log()).length, before_);
});

test(
  "PGT-Proxy: the server's name is the one to validate, whatever is dialled; its CA one of the roots",
  PSQL,
  async () => {
    await using other = pgtProxy({
      name: "other.cluster-crawki488h3k.eu-west-1.rds.amazonaws.com",
    });
    assert.match(
      (await psql(other)).stderr,
      /, not for other\.cluster-.*No password was sent\.\nHINT: .*--sign-host NAME/,
    );
    await using roots = pgtProxy({ roots: path("public-ca.pem") });
    assert.match((await psql(roots)).stderr, /is not trusted/);
  },
);

test("PGT-Proxy: a server that refuses TLS gets nothing", PSQL, async () => {
  let received = "";
  const plain = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received += chunk.toString("hex");
      socket.write("N");
    });
  }).listen(0, "127.0.0.1");
  await once(plain, "listening");
  const { port } = plain.address() as { port: number };
  try {
    await using proxy = pgtProxy({ port });
    const ran = await psql(proxy);
    assert.equal(ran.status, 2);
    assert.match(
      ran.stderr,
      /does not offer TLS as PostgreSQL does\nDETAIL: .*No password was sent\./,
    );
    // The SSLRequest alone.
    assert.equal(received, "0000000804d2162f");
  } finally {
    plain.close();
  }
});

test("unlike PGT-Proxy: a query can be cancelled over the same TLS", PSQL, async () => {
  await using proxy = pgtProxy();
  const [, port = ""] = await proxy.printed(/127\.0\.0\.1:(\d+)\/.*\n/);
  const place = `host=127.0.0.1 port=${port} user=admin dbname=postgres sslmode=require channel_binding=disable`;
  let interrupt: () => void = () => {};
  const ran = run(["psql", "-XAt", place, "-c", "select pg_sleep(60)"], {
    env: { HOME: directory, PGPASSWORD: PASSWORD },
    started: (child) => (interrupt = () => void child.kill("SIGINT")),
  });
  const sleeping = "select 1 from pg_stat_activity where usename = 'admin' and state = 'active'";
  await until(async () => (await server.query(sleeping)).length > 0);
  interrupt();
  assert.match((await ran).stderr, /^Cancel request sent$/m);
  assert.match(await server.log(), /ERROR: {2}canceling statement due to user request/);
});
