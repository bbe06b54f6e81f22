// The place of a unix socket: DIRECTORY/.s.PGSQL.PORT, which is where libpq looks when its host is a directory.
// Who may connect is decided by the directory alone. It must be ours and closed to everybody else: no runtime tells a
// program the uid at the other end of a socket (SO_PEERCRED), and systems differ in whether a socket's own mode counts.
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-HOST
import { Buffer } from "node:buffer";
import { chmod, lstat, mkdir, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import process from "node:process";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";

// sun_path of unix(7), without its zero byte; Node 20 would cut a longer one in silence.
const MAX_PATH_LENGTH = process.platform === "linux" ? 107 : 103;
const PROBE_TIMEOUT = 1_000; // ms that whoever listens there gets to take a connection

/** Where to listen. */
export interface SocketPlace {
  readonly path: string;
  /** Takes the socket's own permissions from everybody else, once it is listened on. */
  readonly restrict: () => Promise<void>;
  readonly remove: () => Promise<void>;
}

/** Sees to the directory and to what an earlier run has left there; rejects with ERR_USAGE, or ERR_CONNECT when somebody listens there. */
export async function prepareSocket(directory: string, port: number): Promise<SocketPlace> {
  const path = join(resolve(directory), `.s.PGSQL.${port}`);
  const length = Buffer.byteLength(path);
  if (length > MAX_PATH_LENGTH) {
    throw new RdsIamError(`the path of the socket is too long: ${path}`, {
      code: "ERR_USAGE",
      detail: `It has ${length} bytes; the system takes ${MAX_PATH_LENGTH}.`,
      hint: "Name a directory with a shorter path: --socket DIR",
    });
  }
  await makeDirectory(resolve(directory));
  await removeStale(path);
  return {
    path,
    restrict: () => chmod(path, 0o600),
    remove: () => rm(path, { force: true }),
  };
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unusable(directory, `it cannot be made (${errorCode(error)})`, error);
  }
  // Of a link, its own owner: whoever has it could lead it elsewhere later.
  const { uid: owner } = await lstat(directory);
  const { mode, uid } = await stat(directory);
  if (owner !== process.geteuid?.() || uid !== process.geteuid?.() || (mode & 0o077) !== 0) {
    throw new RdsIamError(`others may enter the directory ${directory}`, {
      code: "ERR_USAGE",
      detail:
        "Whoever can enter it could connect to the proxy, or put a socket of their own there.",
      hint: `Run: chmod 700 ${directory} (it must be yours), or name another: --socket DIR`,
    });
  }
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return undefined;
    throw unusable(path, `it cannot be looked at (${errorCode(error)})`, error);
  });
  if (found === undefined) return;
  if (!found.isSocket()) throw unusable(path, "it is no socket");
  if (await isLive(path)) {
    throw new RdsIamError(`could not listen on ${path}`, {
      code: "ERR_CONNECT",
      detail: "Another program listens there.",
      hint: "Choose another --port or another directory: --socket DIR",
    });
  }
  await rm(path, { force: true });
}

function isLive(path: string): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect(path);
    const done = (isThere: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      settle(isThere);
    };
    // A listener that takes no connection is one all the same.
    const timer = setTimeout(() => done(true), PROBE_TIMEOUT);
    socket.once("connect", () => done(true));
    socket.once("error", (error) => done(!["ECONNREFUSED", "ENOENT"].includes(errorCode(error))));
  });
}

function unusable(path: string, why: string, cause?: unknown): RdsIamError {
  return new RdsIamError(`${path} cannot be used for a socket: ${why}`, {
    code: "ERR_USAGE",
    hint: "Name another directory: --socket DIR",
    cause,
  });
}
