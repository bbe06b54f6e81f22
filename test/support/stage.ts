// A stand-in for RDS for one test file, with nothing of this machine's in it but PATH.
import process from "node:process";
import { type StandIn, type StandInOptions, startStandIn } from "../../src/demo/stand-in.ts";

/** Starts a stand-in; its `env` is what a child of the test needs. */
export function startStage(options: Partial<StandInOptions> = {}): Promise<StandIn> {
  const env = { PATH: process.env["PATH"], TMPDIR: process.env["TMPDIR"] };
  return startStandIn({ env, from: [process.cwd()], ...options });
}
