// npm run test:slow -- via [WAY...]: pg_dump of 100 MB through each --via, every byte compared, on the runtime of RDSIAM_COMMAND.
// Nothing is random here. RDSIAM_MEGABYTES makes it smaller or larger.
import process from "node:process";
import { dumpThrough, fillTable } from "../support/via-dump.ts";
import {
  lackingFor,
  startViaScene,
  type TestWay,
  type WayName,
  WAYS,
} from "../support/via-scene.ts";

const MEGABYTES = Number(process.env["RDSIAM_MEGABYTES"] ?? 100);

async function main(wanted: readonly string[]): Promise<void> {
  await using scene = await startViaScene();
  const digest = await fillTable(scene.standIn, MEGABYTES);
  print(`pg_dump of ${MEGABYTES} MB`);
  print("way       seconds  MB/s");
  const direct: TestWay = { args: [], env: {}, breakIt: nothing, mend: nothing, isOurs: false };
  for (const name of ["direct", ...WAYS] as const) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const reason = name === "direct" ? false : lackingFor(name);
    const way = name === "direct" ? direct : scene.ways.get(name);
    if (reason !== false || way === undefined) {
      print(`${name}: skipped, ${String(reason)}`);
      continue;
    }
    await dumpOne(name, () => dumpThrough(scene.standIn, way), digest);
  }
}

async function dumpOne(
  name: WayName | "direct",
  dumping: () => ReturnType<typeof dumpThrough>,
  digest: string,
): Promise<void> {
  const dump = await dumping();
  const seconds = dump.milliseconds / 1_000;
  const isRight = dump.status === 0 && dump.digest === digest;
  if (!isRight) process.exitCode = 1;
  const verdict = isRight ? "" : `  WRONG: status ${dump.status}, ${dump.stderr}`;
  const rate = Math.round(MEGABYTES / seconds);
  print(`${name.padEnd(10)}${seconds.toFixed(1).padEnd(9)}${rate}${verdict}`);
}

async function nothing(): Promise<void> {}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

void main(process.argv.slice(2));
