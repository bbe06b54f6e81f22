// The --port option: a LOCAL port.
import { RdsIamError } from "../errors.ts";
import type { Options } from "../options.ts";

/** The local port asked for; 0 when any will do. */
export function localPort(options: Options): number {
  if (options.port === undefined) return 0;
  const port = Number(options.port);
  if (/^\d+$/.test(options.port) && port <= 65_535) return port;
  throw new RdsIamError(`"${options.port}" is no port`, {
    code: "ERR_USAGE",
    detail: "--port is the local port of the proxy: 0 to 65535, 0 for any free one.",
    hint: "The database's port belongs to the host: --host HOST:PORT or rds_port.",
  });
}
