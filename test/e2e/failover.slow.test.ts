// What happens to sessions and logins when the database moves, stops, or has several addresses. The addresses are
// loopback's own 127.0.0.2 and up, which only Linux answers on without being told.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import process from "node:process";
import { test } from "node:test";
import { gatewayToken } from "../support/gateway-token.ts";
import {
  errorFields,
  int32,
  packet,
  RawFrontend,
  type Received,
  startup,
} from "../support/raw-frontend.ts";
import { cleanEnvironment, rdsiam, run, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { until } from "../support/traces.ts";
import { keep } from "../support/keep.ts";
import { listen } from "../support/listen.ts";

const FAST = 2_000; // ms; an attempt at the next address starts after 250

const standIn = await keep(startStage());

const skip = process.platform === "linux" ? false : "loopback has one address here";

/** One more address of the database. */
interface Address extends AsyncDisposable {
  readonly address: string;
  readonly connections: () => number;
}

async function startAddress(address: string): Promise<Address> {
  let connections = 0;
  const { port } = standIn.gateway;
  const server = createServer((client) => {
    connections += 1;
    const gateway = connect({ host: "127.0.0.1", port });
    gateway.on("error", () => {});
    client.pipe(gateway).once("close", () => client.destroy());
    gateway.pipe(client).once("close", () => gateway.destroy());
  });
  return { ...(await listen(server, port, address)), address, connections: () => connections };
}

function pointTo(...addresses: readonly string[]): void {
  standIn.dns.set(standIn.instanceHost, { a: addresses, ttl: 0 });
}

/** A run of rdsiam whose proxy the test itself connects to. */
interface Run extends AsyncDisposable {
  readonly port: number;
  readonly secret: string;
}

async function startRun(): Promise<Run> {
  let child: ChildProcess | undefined;
  let told: Promise<unknown[]> | undefined;
  const ended = rdsiam(["exec", "prod", "sh", "-c", 'echo "$PGPORT $PGPASSWORD"; exec sleep 600'], {
    env: standIn.env,
    started: (started) => {
      child = started;
      told = once(started.stdout ?? started, "data");
    },
  });
  const line = await Promise.race([told, ended.then(({ stderr }) => assert.fail(stderr))]);
  const [port, secret = ""] = String(line?.[0]).trim().split(" ");
  const dispose = async (): Promise<void> => {
    child?.kill("SIGTERM");
    await ended;
  };
  return { port: Number(port), secret, [Symbol.asyncDispose]: dispose };
}

interface Session {
  readonly frontend: RawFrontend;
  readonly key: Buffer;
}

async function logIn({ port, secret }: Run): Promise<Session | Received | undefined> {
  const frontend = new RawFrontend(port);
  frontend.send(startup({ user: "app_ro", database: "orders" }));
  await frontend.prove(secret);
  const greeting = await frontend.messages("ZE");
  const key = greeting.find(({ type }) => type === "K")?.body;
  return key === undefined ? greeting.at(-1) : { frontend, key };
}

async function open(started: Run): Promise<Session> {
  const session = await logIn(started);
  if (session === undefined || "type" in session) assert.fail(JSON.stringify(errorFields(session)));
  return session;
}

function sendQuery({ frontend }: Session, sql: string): void {
  frontend.send("Q", packet(Buffer.from(`${sql}\0`)));
}

async function works(session: Session): Promise<boolean> {
  sendQuery(session, "select 1");
  const types = (await session.frontend.messages("Z")).map(({ type }) => type);
  return types.join("") === "TDCZ";
}

test(
  "rdsiam exec: the next login follows DNS, an open session stays where it is",
  { skip },
  async () => {
    const old = await startAddress("127.0.0.2");
    await using fresh = await startAddress("127.0.0.3");
    pointTo(old.address);
    await using started = await startRun();
    const first = await open(started);
    pointTo(fresh.address);
    const second = await open(started);
    // A tool that has logged in twice has a connection ahead for a third time, and that is of no use after a failover.
    await until(async () => fresh.connections() === 2, "a warm connection");
    assert.equal(old.connections(), 1);
    assert.ok((await works(first)) && (await works(second)));

    await old[Symbol.asyncDispose]();
    assert.deepEqual(await first.frontend.messages("Z"), []);
    assert.ok(await works(second));
    pointTo(old.address);
    const refused = await logIn(started);
    assert.ok(refused !== undefined && "type" in refused);
    const { C, M, D } = errorFields(refused);
    assert.equal(C, "08001");
    assert.match(`${M} ${D}`, /could not connect to orders\.cluster-.* 127\.0\.0\.2: ECONNREFUSED/);
    pointTo(fresh.address);
    assert.ok(await works(await open(started)));
  },
);

test("rdsiam exec: a cancel reaches the session's own address, 30 of 30", { skip }, async () => {
  await using a = await startAddress("127.0.0.2");
  await using b = await startAddress("127.0.0.3");
  await using c = await startAddress("127.0.0.4");
  const names = [a, b, c].map(({ address }) => address);
  const counts = (): number[] => [a, b, c].map(({ connections }) => connections());
  pointTo(...names);
  await using started = await startRun();
  for (let round = 0; round < 30; round += 1) {
    const own = round % 3;
    pointTo(...names.slice(own), ...names.slice(0, own));
    const session = await open(started);
    // The first login, then three for each round: the cancel of the one before, the login, a warm connection.
    const made = 1 + 3 * round;
    await until(
      async () => counts().reduce((sum, count) => sum + count) === made,
      `${made} connections`,
    );
    pointTo(...names.slice(own + 1), ...names.slice(0, own + 1));
    const before = counts();
    sendQuery(session, "do $$ begin raise notice 'begun'; perform pg_sleep(30); end $$");
    await session.frontend.messages("N");
    const cancel = new RawFrontend(started.port);
    cancel.send(packet(int32(80_877_102), session.key));
    assert.equal((await cancel.rest()).length, 0);
    const [error] = await session.frontend.messages("Z");
    assert.equal(errorFields(error)["C"], "57014");
    const grown = counts().map((count, index) => count - (before[index] ?? 0));
    assert.deepEqual(
      grown,
      [0, 1, 2].map((index) => (index === own ? 1 : 0)),
    );
    session.frontend.socket.destroy();
  }
});

test("rdsiam exec: the second address is used when the first refuses", { skip }, async () => {
  await using good = await startAddress("127.0.0.2");
  pointTo("127.0.0.9", good.address);
  await using started = await startRun();
  const begun = performance.now();
  assert.ok(await works(await open(started)));
  assert.ok(performance.now() - begun < FAST);
  assert.equal(good.connections(), 1);
});

test(
  "rdsiam psql: a server that is stopped ends a session as it does directly",
  { skip: skip || without("psql") },
  async () => {
    const own = await startStage();
    const { port } = own.gateway;
    const token = await gatewayToken(own, "app_ro");
    const words = ["-XAtc", "select 'begun'; select pg_sleep(60)"];
    const place = {
      PGHOST: "127.0.0.1",
      PGPORT: String(port),
      PGUSER: "app_ro",
      PGDATABASE: "orders",
    };
    const env = { ...place, PGSSLMODE: "require", PGPASSWORD: token };
    const direct = run(["psql", ...words], { env: cleanEnvironment(env) });
    const through = rdsiam(["psql", "prod", ...words], { env: own.env });
    const sleeping =
      "select 1 from pg_stat_activity where query ~ 'pg_sleep' and usename = 'app_ro'";
    await until(async () => (await own.postgres.query(sleeping)).rows.length === 2);
    process.kill(own.postgres.pid, "SIGINT"); // a fast shutdown
    const ends = await Promise.all([direct, through]);
    await own[Symbol.asyncDispose]();
    assert.deepEqual([ends[1].status, ends[1].stdout], [ends[0].status, ends[0].stdout]);
    for (const { status, stderr } of ends) {
      assert.equal(status, 2);
      assert.match(stderr, /^FATAL: {2}terminating connection due to administrator command\n/);
    }
  },
);
