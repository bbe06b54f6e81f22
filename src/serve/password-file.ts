// The file that keeps a proxy's password from run to run, for tools that are configured once. It is created with a random
// password where it does not exist; a file that other users could have read is refused.
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { link, mkdir, open, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { randomSecret } from "../base/secret.ts";
import { shellCommand } from "../system/shell-word.ts";

const LONGEST = 4_096; // bytes of a file
const SHORTEST = 16; // characters; a password that a person made up would be guessed

/** The password in a file, which is created if it does not exist; ERR_USAGE when others can read it or it has no valid password. */
export async function passwordFrom(name: string): Promise<string> {
  const file = resolve(name);
  try {
    return await read(file);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw explained(file, error);
  }
  try {
    await make(file);
    return await read(file);
  } catch (error) {
    throw explained(file, error);
  }
}

// Under its final name only when it is complete: another proxy may be starting with the same file.
async function make(file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomBytes(6).toString("hex")}`;
  const handle = await open(temporary, "wx", 0o600);
  try {
    await handle.writeFile(`${randomSecret()}\n`);
    await handle.sync();
    await link(temporary, file).catch((error: unknown) => {
      if (errorCode(error) !== "EEXIST") throw error;
    });
  } finally {
    await handle.close();
    await rm(temporary, { force: true });
  }
}

async function read(file: string): Promise<string> {
  // Opening a pipe would wait forever.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw noPassword(file);
    const { mode, uid } = stats;
    const isOurs = process.platform === "win32" || uid === process.geteuid?.() || uid === 0;
    // A credential of systemd belongs to root, and the bits of its group show the access list that lets us read it.
    const others = uid === 0 && process.geteuid?.() !== 0 ? 0o037 : 0o077;
    // What is something else must not be given other permissions either.
    if (stats.size > LONGEST) throw noPassword(file);
    const password = (await handle.readFile("utf8")).replace(/\r?\n$/, "");
    // Printable ASCII: SASLprep, which clients apply to the rest, does not change it.
    if (password.length < SHORTEST || !/^[\x21-\x7e]+$/.test(password)) throw noPassword(file);
    if (!isOurs || (process.platform !== "win32" && (mode & others) !== 0)) throw readable(file);
    return password;
  } finally {
    await handle.close();
  }
}

function readable(file: string): RdsIamError {
  return new RdsIamError(`others can read the password in ${file}`, {
    code: "ERR_USAGE",
    detail: "It would let them into the database as you.",
    hint: shellCommand`Name another file, and rdsiam creates it with permissions 0600; or, if no one else has read this one: chmod 600 ${file}`,
  });
}

function noPassword(file: string): RdsIamError {
  return new RdsIamError(`there is no password in ${file} that can be used`, {
    code: "ERR_USAGE",
    detail: `It must be one line of ${SHORTEST} or more printable ASCII characters without spaces.`,
    hint: "Name another file: one that does not exist is created, with a random password.",
  });
}

function explained(file: string, error: unknown): unknown {
  if (error instanceof RdsIamError) return error;
  return new RdsIamError(`cannot use the password file ${file}: ${errorCode(error)}`, {
    code: "ERR_USAGE",
    hint: "Check the path and its permissions: --password-file FILE",
    cause: error,
  });
}
