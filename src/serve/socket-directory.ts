// The path of a unix socket: DIRECTORY/.s.PGSQL.PORT, where libpq looks when its host is a directory.
// The directory alone decides who may connect. It must be ours and closed to all other users: no runtime reports the uid at
// the other end of a socket (SO_PEERCRED), and not all systems enforce the mode of a socket.
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-HOST
import { Buffer } from "node:buffer";
import { chmod, lstat, mkdir, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import process from "node:process";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { shellCommand } from "../system/shell-word.ts";

// sun_path of unix(7), without its zero byte; Node 20 would cut a longer one in silence.
const MAX_PATH_LENGTH = process.platform === "linux" ? 107 : 103;
const PROBE_TIMEOUT = 1_000; // ms for a listener to accept a connection

/** A unix socket to listen on. */
export interface SocketPath {
  readonly path: string;
  /** Removes other users' permissions on the socket, once it exists. */
  readonly restrict: () => Promise<void>;
  readonly remove: () => Promise<void>;
}

/** Prepares the directory, and removes the socket of an earlier run; rejects with ERR_USAGE, or ERR_CONNECT when another program listens there. */
export async function prepareSocket(directory: string, port: number): Promise<SocketPath> {
  if (process.platform === "win32") {
    throw new RdsIamError("--socket does not work on Windows", {
      code: "ERR_USAGE",
      detail: "What listens there by a path is a named pipe, which no PostgreSQL tool opens.",
      hint: "Leave --socket out: the proxy listens on a loopback port.",
    });
  }
  const path = join(resolve(directory), `.s.PGSQL.${port}`);
  const length = Buffer.byteLength(path);
  if (length > MAX_PATH_LENGTH) {
    throw new RdsIamError(`the path of the socket is too long: ${path}`, {
      code: "ERR_USAGE",
      detail: `It has ${length} bytes; the system allows ${MAX_PATH_LENGTH}.`,
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
    throw unusable(directory, `it cannot be created (${errorCode(error)})`, error);
  }
  // The owner of a link could point it elsewhere later.
  const { uid: owner } = await lstat(directory);
  const { mode, uid } = await stat(directory);
  if (owner !== process.geteuid?.() || uid !== process.geteuid?.() || (mode & 0o077) !== 0) {
    throw new RdsIamError(`others may enter the directory ${directory}`, {
      code: "ERR_USAGE",
      detail: "They could connect to the proxy, or put a socket of their own there.",
      hint: shellCommand`Name another directory, and rdsiam creates it with permissions 0700: --socket DIR; or, if no one else uses this one: chmod 700 ${directory}`,
    });
  }
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return undefined;
    throw unusable(path, `it cannot be read (${errorCode(error)})`, error);
  });
  if (found === undefined) return;
  if (!found.isSocket()) throw unusable(path, "it is not a socket");
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
    const done = (isListening: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      settle(isListening);
    };
    // A listener that accepts no connection is still a listener.
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
