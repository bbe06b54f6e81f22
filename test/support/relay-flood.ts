// Good logins at a relay while another process makes bad connections, as many a second as it is told.
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { aimAt, goodSession } from "./hostile.ts";
import { startTestRelay } from "./relay-scene.ts";
import { RULES, startEchoStage } from "./relay-stage.ts";

const AT_ONCE = 4;
const PATIENCE = 10_000; // ms for a login, rdsiam's own connect timeout

/** What the other process did. */
export interface JunkReport {
  /** Connections that were begun, and of these the ones that were made and have ended. */
  readonly begun: number;
  readonly ended: number;
  readonly milliseconds: number;
}

/** What came of a run. */
export interface RelayFloodResult extends JunkReport {
  /** ms that good logins took, sorted. */
  readonly logins: readonly number[];
  /** Why the others failed. */
  readonly failed: readonly string[];
}

/** Logs in `logins` times beside `rate` bad connections a second. */
export async function floodRelay(rate: number, logins: number): Promise<RelayFloodResult> {
  await using stage = await startEchoStage();
  await using relay = await startTestRelay(stage, { rules: RULES });
  const junk = fork(join(import.meta.dirname, "relay-flood-client.ts"));
  try {
    junk.send({ aim: aimAt(stage, relay.port), rate });
    await once(junk, "message"); // The relay and its backlog are full.
    const times: number[] = [];
    const failed: string[] = [];
    const turns = Array.from({ length: logins }).values();
    const work = async (): Promise<void> => {
      for (const _turn of turns) {
        const started = performance.now();
        try {
          await goodSession(stage, relay.port, PATIENCE);
          times.push(performance.now() - started);
        } catch (error) {
          failed.push(String(error));
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    junk.send("stop");
    const [report] = (await once(junk, "message")) as [JunkReport];
    return { ...report, logins: times.toSorted((left, right) => left - right), failed };
  } finally {
    junk.kill("SIGKILL");
  }
}
