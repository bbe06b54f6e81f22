// How many iterations who is asked for: PostgreSQL's own programs one, everybody else 4096, and nobody fewer than 4096 for a
// secret that somebody chose.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { execFile } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import process from "node:process";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { readStartupPacket, type StartupMessage } from "../../src/protocol/startup-packet.ts";
import { takesFewIterations } from "../../src/proxy/scram.ts";
import { RawFrontend, startup } from "../support/raw-frontend.ts";
import { logIn, message, READY, scene, type Script } from "../support/scripted-backend.ts";
import { makeCertificates, proveBound, served, tlsFrontend } from "../support/tls-frontend.ts";

const run = promisify(execFile);
const USER = { user: "app", database: "orders" };
const NONCE = "rOprNGfwEbeRWgbNEkqO+/12";
const ASKED = /,i=(\d+)$/;

const silent: Script = async (peer) => {
  await logIn(peer);
  for (;;) if ((await peer.message()).type === "Q") peer.send(message("I"), READY);
};

function messageOf(parameters: Readonly<Record<string, string>>): StartupMessage {
  const packet = readStartupPacket(startup(parameters))?.value;
  assert.ok(packet?.kind === "StartupMessage");
  return packet.message;
}

describe("takesFewIterations()", () => {
  const named = (name: string): StartupMessage => messageOf({ ...USER, application_name: name });

  test("PostgreSQL's own programs, with each channel binding that libpq knows", () => {
    for (const name of ["psql", "pg_dump", "pg_restore", "pgbench", "vacuumdb"]) {
      for (const header of ["n,,", "y,,", "p=tls-server-end-point,,"])
        assert.equal(takesFewIterations(named(name), `${header}n=,r=${NONCE}`), true, name);
    }
  });

  test("nobody else by name, and nobody without one", () => {
    const first = `n,,n=,r=${NONCE}`;
    for (const name of ["", "PSQL", "psql ", "my psql", "PostgreSQL JDBC Driver", "pgcli", "app"])
      assert.equal(takesFewIterations(named(name), first), false, name);
    assert.equal(takesFewIterations(messageOf(USER), first), false);
  });

  test("no client that introduces itself otherwise than libpq, whatever its name", () => {
    for (const first of [
      `n,,n=*,r=${NONCE}`, // pgjdbc, node-postgres, postgres.js, Npgsql, Bun
      `n,,n=app,r=${NONCE}`, // lib/pq, asyncpg, pg8000
      `n,,n=,r=${NONCE}x`,
      `n,,n=,r=${NONCE.slice(1)}`,
      `n,,n=,r=${NONCE.slice(2)}==`, // Postgrex
      `n,,n=,r=${NONCE.slice(1)}~`, // tokio-postgres
      `n,,n=,r=${NONCE},x=1`,
      `n,a=app,n=,r=${NONCE}`,
      "",
    ])
      assert.equal(takesFewIterations(named("psql"), first), false, first);
  });

  test("of a name given twice the last one counts, as for the server", () => {
    const twice = messageOf({ ...USER, application_name: "psql", padding: "" });
    const parameters = [
      ...twice.parameters,
      { name: Buffer.from("application_name"), value: Buffer.from("app") },
    ];
    const first = `n,,n=,r=${NONCE}`;
    assert.equal(takesFewIterations({ minor: 0, parameters }, first), false);
  });
});

async function iterationsOf(
  port: number,
  { name, secret }: { readonly name: string; readonly secret: string },
): Promise<string | undefined> {
  const frontend = new RawFrontend(port);
  frontend.send(startup({ ...USER, application_name: name }));
  const { asked, final } = await frontend.proveAs(secret, `n=,r=${NONCE}`);
  assert.deepEqual([final?.type, final?.body.readInt32BE(0)], ["R", 12]);
  frontend.socket.destroy();
  await frontend.closed;
  return ASKED.exec(asked)?.[1];
}

test("proxy 12: one iteration for psql and 4096 for another, both of the same secret", async () => {
  await using stage = await scene(silent);
  const { port, secret } = stage.proxy;
  assert.ok(Buffer.from(secret, "base64url").length >= 16, "the secret is too short for this");
  for (const [name, iterations] of [
    ["psql", "1"],
    ["app", "4096"],
    ["psql", "1"],
  ] as const)
    assert.equal(await iterationsOf(port, { name, secret }), iterations);
});

test("proxy 12: a wrong secret is refused after one iteration too", async () => {
  await using stage = await scene(silent);
  const frontend = new RawFrontend(stage.proxy.port);
  frontend.send(startup({ ...USER, application_name: "psql" }));
  const { final } = await frontend.proveAs(`${stage.proxy.secret}x`, `n=,r=${NONCE}`);
  assert.equal(final?.type, "E");
  assert.equal(stage.connections(), 0);
});

test("proxy 12: a secret that somebody chose is asked for with 4096 iterations", async () => {
  const secret = "orders123";
  await using stage = await scene(silent, { secret });
  assert.equal(await iterationsOf(stage.proxy.port, { name: "psql", secret }), "4096");
});

test("proxy TLS: with channel binding it is the same", async () => {
  const { ca, server } = await makeCertificates();
  await using stage = await scene(silent, { tls: served(server) });
  const binding = createHash("sha256").update(new X509Certificate(server.cert).raw).digest();
  for (const name of ["psql", "app"]) {
    const frontend = await tlsFrontend(stage.proxy.port, { ca });
    frontend.send(startup({ ...USER, application_name: name }));
    const final = await proveBound(frontend, { secret: stage.proxy.secret, binding, nonce: NONCE });
    assert.deepEqual([final?.type, final?.body.readInt32BE(0)], ["R", 12]);
    frontend.socket.destroy();
  }
});

interface Tap extends AsyncDisposable {
  readonly port: number;
  /** What the proxy has said. */
  readonly said: () => string;
}

async function tap(to: number): Promise<Tap> {
  let said = "";
  const server = createServer((socket) => {
    const proxy = connect({ host: "127.0.0.1", port: to });
    proxy.on("data", (chunk) => (said += chunk.toString("latin1")));
    socket.pipe(proxy).pipe(socket);
    for (const end of [socket, proxy]) end.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const dispose = async (): Promise<void> => {
    server.close();
    await once(server, "close");
  };
  return { port, said: () => said, [Symbol.asyncDispose]: dispose };
}

test("the psql of this machine takes one iteration, and 4096 where PGAPPNAME gives it another name", async (context) => {
  const found = await run("psql", ["--version"]).catch(() => undefined);
  if (found === undefined) return context.skip("there is no psql on this machine");
  await using stage = await scene(silent);
  for (const [name, iterations] of [
    [undefined, "1"],
    ["app", "4096"],
  ] as const) {
    await using listening = await tap(stage.proxy.port);
    const env = {
      PATH: process.env["PATH"],
      PGPASSWORD: stage.proxy.secret,
      PGREQUIREAUTH: "scram-sha-256",
      ...(name === undefined ? {} : { PGAPPNAME: name }),
    };
    const where = ["-h", "127.0.0.1", "-p", String(listening.port), "-U", "app", "-d", "orders"];
    await run("psql", ["-X", ...where, "-c", ";"], { env, timeout: 20_000 });
    assert.equal(/,s=[^,]+,i=(\d+)R/.exec(listening.said())?.[1], iterations);
  }
});
