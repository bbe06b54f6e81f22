// Six ways not to get through to a database, and the sentence for each at the tool: none may be taken for another.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { makeLeaf } from "../../src/demo/certificates.ts";
import { rdsiam, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { freePort } from "../support/via-servers.ts";
import { keep } from "../support/keep.ts";
import { listen, type Running } from "../support/listen.ts";

const standIn = await keep(startStage());

const skip = without("psql");
const ZONE = "c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com";

/** What psql says of a login at this host and port. */
async function said(host: string, port: number): Promise<string> {
  const { caFile, dns, env } = standIn;
  const ran = await rdsiam(["psql", "--host", `${host}:${port}`, "prod", "-c", "select 1"], {
    env: {
      ...env,
      RDSIAM_CONNECT_TIMEOUT: "5",
      RDSIAM_DNS_SERVERS: dns.address,
      RDSIAM_SSLROOTCERT: caFile,
    },
  });
  assert.equal(ran.status, 2, ran.stderr);
  return ran.stderr;
}

/** A server that answers whatever comes with these bytes, or with nothing. */
function startServer(answer: string): Promise<Running> {
  const server = createServer((socket) => {
    socket.on("data", () => {
      if (answer !== "") socket.write(answer);
    });
  });
  return listen(server);
}

test("a name that does not exist", { skip }, async () => {
  const text = await said(`nowhere.${ZONE}`, 5432);
  assert.match(
    text,
    /FATAL: {2}host nowhere\.\S+ does not exist\nDETAIL: .*\nHINT: {2}Check the name/,
  );
});

test("a name without an address", { skip }, async () => {
  standIn.dns.set(`empty.${ZONE}`, {});
  const text = await said(`empty.${ZONE}`, 5432);
  assert.match(text, /FATAL: {2}host empty\.\S+ has no address\nDETAIL: .*\nHINT: {2}\S/);
});

test("a port that refuses", { skip }, async () => {
  const text = await said(standIn.canonicalHost, await freePort());
  assert.match(
    text,
    /FATAL: {2}could not connect to \S+ port \d+\nDETAIL: {2}Tried 127\.0\.0\.1: ECONNREFUSED\.\nHINT: {2}Check rds_port/,
  );
});

test("a server that does not answer", { skip }, async () => {
  await using server = await startServer("");
  const text = await said(standIn.canonicalHost, server.port);
  assert.match(
    text,
    /FATAL: {2}could not connect to \S+ port \d+ in 5 s\nDETAIL: .*nothing answered in time\.\nHINT: {2}Check the VPN, the security group.*--via/,
  );
});

test("a server without TLS", { skip }, async () => {
  await using server = await startServer("N");
  const text = await said(standIn.canonicalHost, server.port);
  assert.match(
    text,
    /FATAL: {2}\S+ does not offer TLS as PostgreSQL on RDS does\nDETAIL: {2}It answered the SSLRequest with N: .*No auth token was sent\.\nHINT: {2}Check that the host and the port/,
  );
});

test("a certificate for another name", { skip }, async () => {
  const { authority, canonicalHost, gateway } = standIn;
  const names = ["other.example.com"];
  const { cert, key } = await makeLeaf({ subject: "CN=other", names, issuer: authority });
  gateway.setCertificate({ cert, key });
  const tokens = gateway.tokens.length;
  const text = await said(canonicalHost, gateway.port);
  assert.match(
    text,
    /FATAL: {2}the certificate of \S+ is not trusted\nDETAIL: .*No auth token was sent\.\nHINT: {2}\S/,
  );
  assert.equal(gateway.tokens.length, tokens);
});
