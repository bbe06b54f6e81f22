// Where a proxy listens: an address and port, or the path of a unix socket.
import type { AddressInfo, Server } from "node:net";
import { RdsIamError } from "../base/errors.ts";

const BACKLOG = 511;

/** A place to listen at; port 0 lets the system pick one, which then counts for the address alone. */
export interface ListenPlace {
  readonly host: string;
  readonly port: number;
  /** A unix socket instead of the address; the caller has seen to its directory. */
  readonly socketPath?: string | undefined;
}

/** Listens; resolves with the port, and rejects with ERR_CONNECT when the place cannot be had. */
export function listen(server: Server, place: ListenPlace): Promise<number> {
  const { host, port, socketPath } = place;
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(cannotListen(place, error)));
    const listening = (): void => {
      server.removeAllListeners("error");
      resolve(socketPath === undefined ? (server.address() as AddressInfo).port : port);
    };
    const where = socketPath === undefined ? { host, port } : { path: socketPath };
    server.listen({ ...where, backlog: BACKLOG }, listening);
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there",
  EADDRNOTAVAIL: "this machine has no such address",
  EACCES: "ports below 1024 are not for everybody",
};

function cannotListen(
  { host, port, socketPath }: ListenPlace,
  error: NodeJS.ErrnoException,
): RdsIamError {
  const { code = error.message } = error;
  const where = socketPath ?? `${host} port ${port}`;
  return new RdsIamError(`could not listen on ${where}`, {
    code: "ERR_CONNECT",
    detail: `${code}: ${REASONS[code] ?? "the system refused it"}.`,
    hint: "Choose another --port, or leave it out (and rds_local_port) for any free one.",
    cause: error,
  });
}
