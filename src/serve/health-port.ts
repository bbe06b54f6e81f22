// The part of an open proxy that is about being watched: --health-port. The figures are those of the proxy itself; the room
// that answers with them is loaded only where a port was asked for.
import { showHostPort } from "../base/host-port.ts";
import { RdsIamError } from "../base/errors.ts";
import type { Health } from "../health/health.ts";
import { type Options, optionValue } from "../cli/options.ts";
import type { RunContext } from "../base/context.ts";
import { runtimeName, VERSION } from "../base/version.ts";

const LOOPBACK = "127.0.0.1";

/** Starts to answer probes on --health-port; undefined without it. */
export async function openHealth(
  { env, log }: RunContext,
  options: Options,
): Promise<Health | undefined> {
  const given = optionValue(options, env, "healthPort");
  const host = optionValue(options, env, "healthAddress") ?? LOOPBACK;
  if (given === undefined) {
    if (options.healthAddress === undefined) return undefined;
    throw new RdsIamError("--health-address needs --health-port", {
      code: "ERR_USAGE",
      hint: "Add --health-port N.",
    });
  }
  const port = Number(given);
  if (!/^\d+$/.test(given) || port > 65_535) {
    throw new RdsIamError(`"${given}" is not a valid port`, {
      code: "ERR_USAGE",
      detail: "--health-port is a local port: 0 to 65535, 0 for any free one.",
    });
  }
  const { startHealth } = await import("../health/health.ts");
  const health = await startHealth({ host, port }, { version: VERSION, runtime: runtimeName() });
  const at = showHostPort({ host, port: health.port });
  log.notice(`health: http://${at}/`, { health: health.port });
  return health;
}
