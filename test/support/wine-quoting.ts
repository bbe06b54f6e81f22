// What runs on Windows in test/windows/quoting.slow.test.ts: starts a program with each list of arguments, and writes what it has
// printed. `quoting.js VECTORS ANSWERS`; VECTORS is JSON, a list of { file, args }.
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { environmentOf } from "../../src/system/directories.ts";
import { spawnWords } from "../../src/system/program.ts";

/** A program and its arguments. */
export interface ArgumentVector {
  readonly file: string;
  readonly args: readonly string[];
  /** For a batch file: whether cmd.exe is given its program in its place. */
  readonly skipsBatch: boolean;
}

const [vectorsFile = "", answersFile = ""] = process.argv.slice(2);
const vectors = JSON.parse(readFileSync(vectorsFile, "utf8")) as readonly ArgumentVector[];
const env = environmentOf(process.env);
const output = `${answersFile}.out`;
const answers = vectors.map((vector) => {
  const { args, file, ...how } = spawnWords(vector, env);
  const words = vector.skipsBatch
    ? args.map((word) =>
        word.replace(`"${vector.file}"`, `"${vector.file.replace(/cmd$/, "exe")}"`),
      )
    : args;
  const fd = openSync(output, "w");
  const { error, status } = spawnSync(file, words, { ...how, env, stdio: ["ignore", fd, fd] });
  closeSync(fd);
  return error === undefined && status === 0
    ? readFileSync(output, "latin1")
    : String(error ?? status);
});
writeFileSync(answersFile, JSON.stringify(answers));
