// The files that later runs trust: code that V8 has compiled, root certificates, roles of the AWS CLI's cache, known hosts.
// Another user must not be able to write what is read here, nor choose where it is written, as could the owner of a home
// directory that root was left with. So a directory is walked from the root, as OpenSSH does (StrictModes): each level, and each
// link, must be root's or this user's, and no one else may write there, so nothing of it can be exchanged after the look. The
// file itself is opened without following a link, and is looked at through its descriptor.
// https://man.openbsd.org/sshd_config#StrictModes, https://cwe.mitre.org/data/definitions/367.html
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  type Stats,
  writeSync,
} from "node:fs";
import { basename, dirname, join, parse, resolve, sep } from "node:path";
import process from "node:process";
import { errorCode } from "./errno.ts";
import { RdsIamError } from "./errors.ts";

// Without O_NONBLOCK a pipe would wait for its writer.
// On Windows the first two are undefined, which | takes for 0.
const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
// Windows has no such bits: there it is the access list of the user's profile, which every file below it inherits.
const OTHERS_WRITE = process.geteuid === undefined ? 0 : 0o022;
const STICKY = 0o1000;
const MOST_LINKS = 40; // as Linux follows in one path

/** The real path of a directory that only this user and root can change; ERR_CONFIG when another user can, ENOENT when it is not there. */
export function trustedDirectory(directory: string): string {
  let [real = "", ...names] = splitPath(resolve(directory));
  refuseOthers(real, lstatSync(real));
  for (let links = 0; names.length > 0;) {
    const [name = "", ...rest] = names;
    names = rest;
    const path = join(real, name);
    const stats = lstatSync(path);
    if (!stats.isSymbolicLink()) {
      refuseOthers(path, stats);
      real = path;
      continue;
    }
    if (!isOurs(stats) || (links += 1) > MOST_LINKS) throw untrusted(path);
    [real = "", ...names] = [...splitPath(resolve(real, readlinkSync(path))), ...rest];
  }
  return real;
}

// A group of the user's own may write, as with the umask 002 that goes with it; in a directory with the sticky bit no one else
// can move or remove what is ours.
function refuseOthers(path: string, stats: Stats): void {
  const writers = stats.gid === process.getegid?.() ? 0o002 & OTHERS_WRITE : OTHERS_WRITE;
  const isOpen = (stats.mode & writers) !== 0 && (stats.mode & STICKY) === 0;
  if (!isOurs(stats) || isOpen) throw untrusted(path);
  if (!stats.isDirectory()) throw Object.assign(new Error(path), { code: "ENOTDIR" });
}

// The root, and the names below it.
function splitPath(path: string): string[] {
  const { root } = parse(path);
  return [root, ...path.slice(root.length).split(sep).filter(Boolean)];
}

/** The same for a directory that is made where it is missing, level by level, each with 0700. */
export function makeTrustedDirectory(directory: string): string {
  const path = resolve(directory);
  try {
    return trustedDirectory(path);
  } catch (error) {
    // Not `recursive`: it never comes back where a file system has no room for new names at all, as in /proc (Node 26).
    if (errorCode(error) !== "ENOENT" || path === dirname(path)) throw error;
  }
  const made = join(makeTrustedDirectory(dirname(path)), basename(path));
  try {
    mkdirSync(made, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
  return trustedDirectory(made);
}

/** Opens a file of such a directory; ERR_CONFIG when another user can write to it, ELOOP when it is a link. */
export function openTrusted(file: string, flags = O_RDONLY): number {
  const path = join(trustedDirectory(dirname(resolve(file))), basename(file));
  const descriptor = openSync(path, flags | O_NOFOLLOW | O_NONBLOCK, 0o600);
  const stats = fstatSync(descriptor);
  if (isOurs(stats) && (stats.mode & OTHERS_WRITE) === 0) return descriptor;
  closeSync(descriptor);
  throw untrusted(path);
}

/** The content of a trusted file. */
export function readTrusted(file: string): Buffer {
  const descriptor = openTrusted(file);
  try {
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The content of a file that the user has named, and that decides who gets in: ERR_CONFIG when others can write to it. It may
 * be a link, as Kubernetes mounts files, and belongs to who has deployed it.
 */
export function readNamed(file: string): Buffer {
  const descriptor = openSync(file, O_RDONLY | O_NONBLOCK);
  try {
    if ((fstatSync(descriptor).mode & OTHERS_WRITE) !== 0) throw untrusted(file);
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Replaces a trusted file in one step, and makes its directory where it is missing. */
export function writeTrusted(file: string, content: string | Uint8Array, mode = 0o600): void {
  const directory = makeTrustedDirectory(dirname(resolve(file)));
  const temporary = join(directory, `.${basename(file)}.${randomBytes(6).toString("hex")}`);
  const descriptor = openSync(temporary, "wx", 0o600);
  try {
    fchmodSync(descriptor, mode);
    const bytes = Buffer.from(content);
    for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
    renameSync(temporary, join(directory, basename(file)));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

// What root can write it can write anyway; in a container without a user of that number, "/" shows who stands for root.
function isOurs({ uid }: Stats): boolean {
  const own = process.geteuid?.();
  return own === undefined || uid === own || uid === 0 || uid === lstatSync("/").uid;
}

function untrusted(path: string): RdsIamError {
  return new RdsIamError(`another user may write to ${path}`, {
    code: "ERR_CONFIG",
    detail:
      "Its content would be trusted, so it must be yours or root's, and no one else may write to it.",
    hint: `Look at: ls -ld ${path} (HOME may be another user's), then run: chmod go-w ${path}`,
  });
}
