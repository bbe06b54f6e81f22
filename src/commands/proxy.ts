// `rdsiam proxy`: proxies that stay open, for GUI tools, services and containers.
import { constants } from "node:os";
import type { LocalOptions } from "../serve/local-side.ts";
import { openProxies, type OpenedProxy } from "../serve/open-proxies.ts";
import { type Invocation, isOn, optionValue } from "../cli/options.ts";
import { serveProxies } from "../serve/serve-proxies.ts";
import type { RunContext } from "../base/context.ts";
import { watchSignals } from "../runtime/stop-signals.ts";
import { openHealth } from "../serve/health-port.ts";
import { readProxyOptions } from "./proxy-options.ts";
import { readyJson, readyLines, readyProxy, readyText } from "./proxy-ready.ts";

/** Serves until a signal; resolves with the exit status. */
export async function runProxy(context: RunContext, invocation: Invocation): Promise<number> {
  const { options, targets } = invocation;
  const local = readProxyOptions(options, context.env);
  const names = targets.length === 0 ? [undefined] : targets;
  const requests = names.map((targetName) => ({ targetName, options }));
  using signals = watchSignals();
  const opening = (async () => {
    const health = await openHealth(context, options);
    return { health, opened: await openProxies(context, requests, { local, health }) };
  })();
  // Until then there are no clients, and nothing to wait for.
  const early = await Promise.race([opening.then(() => undefined), signals.first]);
  if (early !== undefined) return 128 + constants.signals[early];
  const { health, opened } = await opening;
  try {
    health?.started();
    await printReady(context, invocation, { opened, local });
    return await serveProxies({
      proxies: opened.map(({ proxy }) => proxy),
      signals,
      log: context.log,
      draining: () => health?.draining(),
    });
  } finally {
    await Promise.all(opened.map((each) => each[Symbol.asyncDispose]()));
    await health?.[Symbol.asyncDispose]();
  }
}

async function printReady(
  { env, log, print, width }: RunContext,
  { options }: Invocation,
  { opened, local }: { readonly opened: readonly OpenedProxy[]; readonly local: LocalOptions },
): Promise<void> {
  const proxies = opened.map((each) => readyProxy(each, local));
  // The lines have them in, on stdout; nothing else may.
  for (const { proxy } of opened) log.addSecret(proxy.secret);
  const tool = optionValue(options, env, "printConfig");
  if (tool !== undefined) {
    const { configText, toolSettings } = await import("./print-config.ts");
    // In one piece, so that a program that waits for it has all of it at once.
    print(configText(tool, await Promise.all(proxies.map(toolSettings))));
  } else if (isOn(options, env, "json")) print(readyJson(proxies));
  else {
    const isForPeople = width() !== undefined && !isOn(options, env, "showPassword");
    print((isForPeople ? readyText(proxies) : readyLines(proxies)).join("\n"));
  }
}
