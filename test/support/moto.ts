// moto as the judge: another program's AWS, with one of the scenes of moto-scene.py in it.
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

const hasMoto = spawnSync("python3", ["-c", "import boto3, moto.server"]).status === 0;

/** Why tests with moto are left out; false where moto is there. */
export const withoutMoto = hasMoto
  ? false
  : "moto is not on this machine: pip install 'moto[server]'";

/** A running moto. */
export interface Moto<T> extends Disposable {
  /** Where it listens, and what there is now. */
  readonly state: () => Promise<T & { readonly endpoint: string }>;
}

/** Starts it; its scene is there once state() has answered. */
export function startMoto<T>(scene: "redshift" | "setup" | "vpc"): Moto<T> {
  const { stdin, stdout } = spawn("python3", [join(import.meta.dirname, "moto-scene.py"), scene], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  return {
    state: async () => {
      stdin.write("\n");
      const { value } = (await lines.next()) as { readonly value: string };
      return JSON.parse(value) as T & { readonly endpoint: string };
    },
    [Symbol.dispose]: () => void stdin.end(),
  };
}
