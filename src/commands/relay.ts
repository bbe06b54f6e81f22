// `rdsiam relay`: runs in the VPC and forwards authorized clients to its databases.
import { constants } from "node:os";
import { countText } from "../base/count.ts";
import { RdsIamError } from "../base/errors.ts";
import { type Invocation, optionValue } from "../cli/options.ts";
import type { RunContext } from "../base/context.ts";
import { watchSignals } from "../runtime/stop-signals.ts";

/** Serves until a signal, then until its sessions have ended; a second signal ends them. */
export async function runRelay(context: RunContext, { options }: Invocation): Promise<number> {
  using signals = watchSignals();
  const { log } = context;
  const configFile = optionValue(options, context.env, "config");
  if (configFile === undefined) {
    throw new RdsIamError("a relay needs a configuration file", {
      code: "ERR_CONFIG",
      hint: "Name it with --config FILE: a [relay] section, an [allow NAME] for each group of people, and [target NAME] sections.",
    });
  }
  const { startRelay } = await import("../relay/service.ts");
  const starting = startRelay(context, { options, configFile });
  const early = await Promise.race([starting.then(() => undefined), signals.first]);
  if (early !== undefined) return 128 + constants.signals[early];
  await using relay = await starting;
  const { host, port, targets } = relay;
  log.always(
    `rdsiam: the relay listens at ${host} port ${port}, for ${countText(targets, "database")}`,
    {
      event: "listening",
      host,
      port,
      targets,
    },
  );
  const stopped = await Promise.race([signals.first, relay.failed]);
  if (stopped instanceof Error) throw stopped;
  log.always("rdsiam: the relay refuses new sessions and waits for open ones");
  const second = await Promise.race([relay.drain().then(() => undefined), signals.second]);
  return second === undefined ? 0 : 128 + constants.signals[second];
}
