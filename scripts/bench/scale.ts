// What grows: targets in the file and in one process, and memory over a long run.
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { memory, runTool, startProgram } from "./processes.ts";
import { SELECT } from "./scene.ts";
import { median, ran, type Row } from "./work.ts";

const SAMPLES = 12; // of the memory of a long run
const SLICE = 60; // s, after which pgbench and psql are started anew
const PACE = { prepared: "-R200", logins: "-R5" }; // a second: what goes on for hours leaves the machine to others

const PROGRAMS: Pick<Row, "applies" | "extra" | "rounds"> = {
  applies: ({ launcher }) => launcher !== undefined,
  extra: "scale",
  rounds: 3,
};

/** The first row with so many targets in rdsiam's file, of which the last is opened. */
export function firstRowOf(targets: number): Row {
  const id = `row-${targets}`;
  return {
    id,
    ...PROGRAMS,
    run: async ({ scene, size }, { launcher }) => {
      const words = [...(launcher?.words ?? []), "psql", `target-${targets}`, ...SELECT];
      const env = { ...launcher?.env, ...(await scene.env(targets)) };
      const attempt = async (): Promise<number> => (await runTool({ words, env })).firstByte;
      return { [id]: await median(size.starts, attempt) };
    },
  };
}

/** One `rdsiam proxy` with so many targets: until all of them listen, and its memory then. */
export function proxyOf(targets: number): Row {
  const id = `proxy-${targets}`;
  return {
    id,
    ...PROGRAMS,
    run: async ({ scene, size }, { launcher }) => {
      const names = Array.from({ length: targets }, (_, at) => `target-${at + 1}`);
      const words = [...(launcher?.words ?? []), "proxy", "--json", ...names];
      const env = { ...launcher?.env, ...(await scene.env(targets)) };
      const began = performance.now();
      const ready = new RegExp(`"target":"target-${targets}",[^\\n]*"port":`);
      await using program = await startProgram(scene.directory, words, { env, ready });
      const took = performance.now() - began;
      await delay(size.settle);
      return { [id]: took, [`${id}/memory`]: await memory([program.pid], "VmRSS") };
    },
  };
}

/** Memory of the processes in between, while there are queries, logins and a COPY of the table each minute. */
export const SOAK: Row = {
  id: "soak",
  extra: "soak",
  rounds: 1,
  applies: ({ env, pids }) => env !== undefined && pids.length > 0,
  run: async ({ size, start }, { name }) => {
    await using fresh = await start(name);
    const { env = {}, pids } = fresh;
    const began = performance.now();
    const left = (): number => size.soak - (performance.now() - began) / 1000;
    const values: Record<string, number> = {};
    const sample = async (): Promise<void> => {
      for (let at = 1; at <= SAMPLES; at += 1) {
        await delay(1000 * Math.max(0, left() - size.soak * (1 - at / SAMPLES)));
        const id = `soak-${Math.round((at * size.soak) / SAMPLES)}`;
        values[id] = await memory(pids, "VmRSS");
        process.stderr.write(`${id}, ${name}: ${values[id].toFixed(1)} MB\n`);
      }
    };
    const repeat = async (work: (seconds: number) => Promise<unknown>): Promise<void> => {
      while (left() > 0) await work(Math.ceil(Math.min(SLICE, left())));
    };
    const copy = { words: ["psql", "-Xqc", "copy bulk to stdout"], env, isSilent: true };
    await Promise.all([
      sample(),
      repeat((seconds) => ran(fresh, "prepared", 8, `-T${seconds}`, PACE.prepared)),
      repeat((seconds) => ran(fresh, "logins", 2, `-T${seconds}`, PACE.logins)),
      repeat((seconds) => Promise.all([runTool(copy), delay(1000 * seconds)])),
    ]);
    return values;
  },
};
