// The stand-in's certificates, judged by the runtime's own X.509 parser and by a TLS handshake.
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:tls";
import { test } from "node:test";

import { type Certificate, makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";

const NAME = "orders.cluster-c1.eu-west-1.rds.amazonaws.com";

async function handshake(
  chain: readonly Certificate[],
  ca: Certificate,
): Promise<string | undefined> {
  const server = createServer({ cert: chain.map(({ cert }) => cert).join(""), key: chain[0]?.key });
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const socket = connect({ host: "127.0.0.1", port, servername: NAME, ca: ca.cert });
  try {
    await once(socket, "secureConnect");
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  } finally {
    socket.destroy();
    server.close();
  }
}

test("makeLeaf() names what it is told and is signed by its issuer", async () => {
  const root = await makeAuthority({ subject: "CN=root" });
  const leaf = await makeLeaf({ subject: "CN=x", names: [NAME, "127.0.0.1"], issuer: root });
  const parsed = new X509Certificate(leaf.cert);
  assert.equal(parsed.subjectAltName, `DNS:${NAME}, IP Address:127.0.0.1`);
  assert.equal(parsed.checkIssued(new X509Certificate(root.cert)), true);
  assert.equal(new X509Certificate(root.cert).ca, true);
  assert.equal(parsed.ca, false);
});

test("makeLeaf() is accepted by TLS, and refused for each thing that can be wrong", async () => {
  const root = await makeAuthority({ subject: "CN=root" });
  const other = await makeAuthority({ subject: "CN=other" });
  const middle = await makeAuthority({ subject: "CN=middle", issuer: root });
  const names = [NAME];
  const good = await makeLeaf({ subject: "CN=x", names, issuer: root });
  const under = await makeLeaf({ subject: "CN=x", names, issuer: middle });
  const misnamed = await makeLeaf({ subject: "CN=x", names: ["a.test"], issuer: root });
  const yesterday = { notBefore: new Date(Date.now() - 9e7), notAfter: new Date(Date.now() - 1e6) };
  const expired = await makeLeaf({ subject: "CN=x", names, issuer: root, ...yesterday });
  assert.equal(await handshake([good], root), undefined);
  assert.equal(await handshake([under, middle], root), undefined);
  assert.equal(await handshake([under], root), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  assert.equal(await handshake([good], other), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  assert.equal(await handshake([misnamed], root), "ERR_TLS_CERT_ALTNAME_INVALID");
  assert.equal(await handshake([expired], root), "CERT_HAS_EXPIRED");
});
