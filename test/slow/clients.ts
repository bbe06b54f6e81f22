// npm run test:slow -- clients [--only pgjdbc,pgx]: each client through `rdsiam proxy` with what it printed, every step of the
// drivers' scripts. A client that cannot be installed here is named with the reason; that is no failure.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { makeLeaf } from "../../src/demo/certificates.ts";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { type Client, clients, type ProxyFiles, tryClient } from "../support/clients.ts";
import { prepare } from "../drivers/drivers.ts";
import { startStage } from "../support/stage.ts";

interface Tally {
  tried: number;
  skipped: number;
  failed: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: "string" } } });
  const only = values.only?.split(",");
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-clients-"));
  const wanted = clients(await makeFiles(directory)).filter(
    ({ name }) => only?.some((part) => name.includes(part)) ?? true,
  );
  const tally: Tally = { tried: 0, skipped: 0, failed: 0 };
  try {
    await using standIn = await startStage();
    for (const client of wanted) await tryOne(client, { standIn, directory, tally });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  const { tried, skipped, failed } = tally;
  process.stdout.write(`${tried} clients tried, ${skipped} skipped, ${failed} failed\n`);
  process.exitCode = failed === 0 && tried > 0 ? 0 : 1;
}

async function makeFiles(directory: string): Promise<ProxyFiles> {
  const { cert, key } = await makeLeaf({ subject: "CN=rdsiam proxy", names: ["127.0.0.1"] });
  const [passwordFile, tlsCert, tlsKey] = ["password", "cert.pem", "key.pem"].map((name) =>
    join(directory, name),
  ) as [string, string, string];
  await writeFile(tlsCert, cert);
  await writeFile(tlsKey, key, { mode: 0o600 });
  return { passwordFile, tlsCert, tlsKey };
}

interface Trial {
  readonly standIn: StandIn;
  readonly directory: string;
  readonly tally: Tally;
}

async function tryOne(client: Client, { standIn, directory, tally }: Trial): Promise<void> {
  const compiled = join(directory, client.name);
  await mkdir(compiled);
  const reason = await prepare(client.driver, compiled);
  if (reason !== undefined) {
    tally.skipped += 1;
    process.stdout.write(`${client.name}: skipped: ${reason}\n`);
    return;
  }
  tally.tried += 1;
  const outcomes = await tryClient(client, standIn, compiled);
  const failures = outcomes.filter(({ ok }) => !ok);
  if (failures.length > 0) tally.failed += 1;
  const words = failures.map(({ cell, step }) => `${step}: ${cell}`);
  process.stdout.write(`${client.name}: ${words.length === 0 ? "ok" : words.join("; ")}\n`);
}

void main();
