// npm run test:slow -- tls: every libpq from 12 to 18 with sslmode=verify-full through rdsiam proxy --tls-cert: with SSLRequest, bound to
// the certificate where it knows channel binding, and from 17 on by direct TLS. Then the same with a client certificate.
import type { Buffer } from "node:buffer";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { linkLibpqs } from "../../scripts/libpq.ts";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { rdsiam, run } from "../support/program.ts";
import { startStage } from "../support/stage.ts";

const CLIENT = ["python3", join(import.meta.dirname, "libpq-client.py")];

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-tls-"));
  const standIn = await startStage();
  try {
    const libpqs = await linkLibpqs(directory);
    if (libpqs.length === 0) process.stdout.write("tls skipped: no libpq for this platform\n");
    await writeCertificates(directory);
    for (const mutual of [false, true]) {
      await using proxy = await startProxy(standIn, { directory, mutual });
      for (const libpq of libpqs) {
        for (const how of waysOf(Number(libpq.version))) {
          const certificate = {
            PGSSLCERT: file(directory, "client"),
            PGSSLKEY: file(directory, "client-key"),
          };
          const env = {
            ...proxy.env,
            ...how,
            ...(mutual ? certificate : {}),
            PGSSLROOTCERT: file(directory, "ca"),
            LD_LIBRARY_PATH: libpq.directory,
          };
          const { stdout, stderr } = await run(CLIENT, { env });
          const ok = stdout.startsWith("app_ro\n") && stdout.includes(`libpq${libpq.version}/`);
          const label = `libpq ${libpq.version}${mutual ? ", client certificate" : ""}, ${Object.values(how).join(", ")}`;
          process.stdout.write(
            `${ok ? "ok" : "FAIL"}  ${label}${ok ? "" : `: ${stdout}${stderr}`}\n`,
          );
          if (!ok) process.exitCode = 1;
        }
      }
    }
  } finally {
    await standIn[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  }
}

// PGCHANNELBINDING came with 13, PGSSLNEGOTIATION with 17.
function waysOf(version: number): readonly Readonly<Record<string, string>>[] {
  const full = { PGSSLMODE: "verify-full" };
  const bound = { ...full, PGCHANNELBINDING: "require" };
  if (version < 13) return [full];
  return version < 17 ? [full, bound] : [full, bound, { ...bound, PGSSLNEGOTIATION: "direct" }];
}

function file(directory: string, name: string): string {
  return join(directory, `${name}.pem`);
}

async function writeCertificates(directory: string): Promise<void> {
  const ca = await makeAuthority({ subject: "CN=a CA of the test's" });
  const server = await makeLeaf({ subject: "CN=localhost", names: ["localhost"], issuer: ca });
  const client = await makeLeaf({ subject: "CN=app", names: ["app"], issuer: ca, client: true });
  const texts = {
    ca: ca.cert,
    server: server.cert,
    "server-key": server.key,
    client: client.cert,
    "client-key": client.key,
  };
  for (const [name, text] of Object.entries(texts))
    await writeFile(file(directory, name), text, { mode: 0o600 });
}

async function startProxy(
  standIn: StandIn,
  { directory, mutual }: { readonly directory: string; readonly mutual: boolean },
): Promise<AsyncDisposable & { readonly env: Readonly<Record<string, string>> }> {
  const served = [
    "--tls-cert",
    file(directory, "server"),
    "--tls-key",
    file(directory, "server-key"),
  ];
  const demanded = mutual ? ["--tls-client-ca", file(directory, "ca")] : ["--require-tls"];
  let stop: () => void = () => {};
  let ended: Promise<unknown> = Promise.resolve();
  const line = await new Promise<string>((resolve, reject) => {
    ended = rdsiam(["proxy", "prod", "--json", ...served, ...demanded], {
      env: standIn.env,
      started: (child) => {
        stop = () => void child.kill("SIGTERM");
        child.stdout?.once("data", (chunk: Buffer) => resolve(chunk.toString()));
      },
    }).then(({ stderr }) => reject(new Error(stderr)));
  });
  const { port, password } = JSON.parse(line) as { port: number; password: string };
  const env = {
    PGHOST: "localhost",
    PGPORT: String(port),
    PGUSER: "app_ro",
    PGDATABASE: "orders",
    PGPASSWORD: password,
  };
  const dispose = async (): Promise<void> => {
    stop();
    await ended.catch(() => {});
  };
  return { env, [Symbol.asyncDispose]: dispose };
}

void main();
