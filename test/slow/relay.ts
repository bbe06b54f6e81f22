// npm run test:slow -- relay: 10,000 bad requests against one relay, 200 good logins beside 1,500 bad connections a second, then 1,000
// sessions on three replicas behind haproxy, of which one is killed. About three minutes.
import process from "node:process";
import { sendBadRequests } from "../support/hostile.ts";
import { floodRelay } from "../support/relay-flood.ts";
import {
  floodBroke,
  floodFigures,
  hostileBroke,
  hostileFigures,
  replicasBroke,
  replicasFigures,
} from "../support/relay-report.ts";
import { endOneReplica, lackingForReplicas } from "../support/replicas.ts";

async function main(): Promise<void> {
  const bad = await sendBadRequests(10_000, 2_000);
  tell(hostileFigures(bad), hostileBroke(bad));
  const flooded = await floodRelay(1_500, 200);
  tell(floodFigures(flooded), floodBroke(flooded));
  const skip = lackingForReplicas();
  if (skip !== false) return tell(`replicas: skipped, ${skip}`, []);
  const ended = await endOneReplica(3, 1_000);
  tell(replicasFigures(ended), replicasBroke(ended, 20));
}

function tell(figures: string, broken: readonly string[]): void {
  for (const line of [figures, ...broken.map((each) => `  BROKEN: ${each}`)]) {
    process.stdout.write(`${line}\n`);
  }
  if (broken.length > 0) process.exitCode = 1;
}

void main();
