// The --port option: a LOCAL port.
import type { Environment } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { type Options, optionValue } from "../cli/options.ts";

/** The local port of --port or RDSIAM_PORT: 0 for any free one, undefined when neither was given. */
export function localPort(options: Options, env: Environment): number | undefined {
  const given = optionValue(options, env, "port");
  if (given === undefined) return undefined;
  const port = Number(given);
  if (/^\d+$/.test(given) && port <= 65_535) return port;
  throw new RdsIamError(`"${given}" is not a valid port`, {
    code: "ERR_USAGE",
    detail: "--port is the local port of the proxy: 0 to 65535, 0 for any free one.",
    hint: "The database's port belongs to the host: --host HOST:PORT or rds_port.",
  });
}
