// A relay's tickets: whom they spare a proof, and that they are of no use to anyone else, or later.
import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { TICKET_SCHEME, ticketKey, ticketProof } from "../../src/base/relay-ticket.ts";
import { makeLeaf } from "../../src/demo/certificates.ts";
import type { AccessRule } from "../../src/relay/access.ts";
import { type ProveIdentity, relayTunnel } from "../../src/via/relay.ts";
import { connectRequest, nonceOf, proofFields, proofUrl } from "../support/proof.ts";
import {
  type Client,
  HOST,
  RULES,
  type Scene,
  SESSION,
  startScene,
} from "../support/relay-server-scene.ts";

const BOB = "arn:aws:sts::123456789012:assumed-role/db-reader/bob";

const rules: AccessRule[] = [...RULES];
let scene: Scene;
before(async () => {
  scene = await startScene({ rules });
});
after(() => scene[Symbol.asyncDispose]());
afterEach(() => {
  scene.arn = SESSION;
  scene.ahead = 0;
  scene.stsRequests.length = 0;
  rules.splice(0, rules.length, ...RULES);
});

interface Owned {
  readonly name: string;
  readonly key: Buffer;
}

const openings = (): number => scene.events.filter(({ kind }) => kind === "opened").length;
const place = () => [HOST, scene.databasePort] as const;

// Proves an identity; resolves with the ticket that comes with the answer.
async function earn(arn = SESSION): Promise<Owned> {
  scene.arn = arn;
  const client = await scene.client();
  client.send(connectRequest(...place()));
  const fields = await proofFields(nonceOf(await client.head()));
  client.send(connectRequest(...place(), ...fields));
  const head = await client.head();
  const name = /^X-Rdsiam-Ticket: (\S+)\r$/m.exec(head)?.[1] ?? "";
  assert.match(head, /^HTTP\/1\.1 200 /);
  assert.match(name, /^[\w-]{24}$/);
  const key = ticketKey(client.socket);
  assert.ok(key);
  client.socket.destroy();
  scene.stsRequests.length = 0;
  return { name, key };
}

function present({ name, key }: Owned, on: TLSSocket): string {
  return `Proxy-Authorization: ${TICKET_SCHEME} ${name}.${ticketProof(key, on)?.toString("base64url")}`;
}

async function ask(client: Client, field: string): Promise<string> {
  client.send(connectRequest(...place(), field));
  const head = await client.head();
  client.socket.destroy();
  return head;
}

test("a client that has proven its identity needs no other proof for a minute", async () => {
  const ticket = await earn();
  for (const ahead of [0, 59_000]) {
    scene.ahead = ahead;
    const client = await scene.client();
    assert.match(await ask(client, present(ticket, client.socket)), /^HTTP\/1\.1 200 /);
    const { caller } = scene.events.findLast(({ kind }) => kind === "opened") ?? {};
    assert.equal(caller?.arn, SESSION);
  }
  assert.deepEqual(scene.stsRequests, []);
});

const REFUSED: readonly (readonly [
  string,
  (owned: Owned, client: Client) => Promise<string> | string,
])[] = [
  [
    "another identity's ticket with a key of one's own",
    async ({ name }, { socket }) => present({ name, key: (await earn(BOB)).key }, socket),
  ],
  [
    "a ticket whose key the client has not",
    ({ name }, { socket }) => present({ name, key: randomBytes(32) }, socket),
  ],
  [
    "a ticket without a proof of its key",
    ({ name }) => `Proxy-Authorization: ${TICKET_SCHEME} ${name}.`,
  ],
  [
    "what was seen on another connection",
    async (owned) => {
      const other = await scene.client();
      const field = present(owned, other.socket);
      other.socket.destroy();
      return field;
    },
  ],
  [
    "a ticket that is a minute old",
    (owned, { socket }) => {
      scene.ahead = 60_000;
      return present(owned, socket);
    },
  ],
  [
    "a ticket of a rule that is gone",
    (owned, { socket }) => {
      const others = rules.map((rule) => ({ ...rule, arns: [(arn: string) => arn === BOB] }));
      rules.splice(0, rules.length, ...others);
      return present(owned, socket);
    },
  ],
  [
    "a ticket from before the files changed",
    (owned, { socket }) => {
      scene.tickets.clear();
      return present(owned, socket);
    },
  ],
];
for (const [what, field] of REFUSED) {
  test(`${what} opens nothing: the relay asks for a proof`, async () => {
    const owned = await earn();
    const client = await scene.client();
    const presented = await field(owned, client);
    const opened = openings();
    assert.match(await ask(client, presented), /^HTTP\/1\.1 407 /);
    assert.equal(openings(), opened);
  });
}

test("a ticket ends with the proof that it stands for", async () => {
  // Signed for a minute, and taken for the five more that clocks may differ.
  scene.ahead = 350_000;
  const ticket = await earn();
  scene.ahead = 362_000;
  const client = await scene.client();
  assert.match(await ask(client, present(ticket, client.socket)), /^HTTP\/1\.1 407 /);
});

test("relayTunnel() + proves the identity once, resumes TLS, and proves it again where its ticket is not taken", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-test-"));
  t.after(() => rm(directory, { recursive: true }));
  await using own = await startScene({ clientCa: false });
  const ca = join(directory, "ca.pem");
  await writeFile(ca, own.authority.cert);
  const address = { host: "localhost", port: own.relay.port, ca, client: undefined };
  let proofs = 0;
  const prove: ProveIdentity = ({ nonce }) => {
    proofs += 1;
    return proofUrl(nonce);
  };
  await using tunnel = await relayTunnel(address, prove);
  const destination = { host: HOST, port: own.databasePort, address: HOST };
  const open = async (): Promise<boolean> => {
    const socket = (await tunnel.open(destination, AbortSignal.timeout(10_000))) as TLSSocket;
    t.after(() => socket.destroy());
    return socket.isSessionReused();
  };
  assert.deepEqual([await open(), await open(), await open()], [false, true, true]);
  assert.equal(proofs, 1);
  own.tickets.clear();
  assert.deepEqual([await open(), await open()], [true, true]);
  assert.equal(proofs, 2);
});

test("a TLS session is not resumed where clients have certificates", async () => {
  const certificate = await makeLeaf({
    subject: "CN=laptop",
    names: ["spiffe://example.com/alice"],
    issuer: scene.authority,
    client: true,
  });
  const first = await scene.client(certificate);
  const sessions: Buffer[] = [];
  first.socket.on("session", (session: Buffer) => void sessions.push(session));
  first.send(connectRequest(...place()));
  assert.match(await first.head(), /^HTTP\/1\.1 200 /);
  first.socket.destroy();
  const again = await scene.client(certificate, sessions.at(-1));
  assert.equal(again.socket.isSessionReused(), false);
  again.socket.destroy();
});
