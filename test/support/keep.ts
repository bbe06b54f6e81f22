// What a test file sets up at its top, and what its end takes down: the last part first.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

const parts: AsyncDisposable[] = [];
after(async () => {
  for (const part of parts.reverse()) await part[Symbol.asyncDispose]();
});

/** Waits for a part that is disposed of when all tests of the file have ended. */
export async function keep<T extends AsyncDisposable>(starting: PromiseLike<T>): Promise<T> {
  const part = await starting;
  parts.push(part);
  return part;
}

/** Makes a directory that is removed when all tests of the file have ended. */
export async function temporaryDirectory(name: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `rdsiam-${name}-`));
  parts.push({ [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) });
  return directory;
}
