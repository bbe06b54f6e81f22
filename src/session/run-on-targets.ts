// One tool on several databases at once: a proxy for each, and the variables of each under a prefix of its own.
// Everything that may ask the person something comes first, one target after the other.
import { environmentWithoutPlace, placeVariables } from "../tool/environment.ts";
import { isPostgresqlTool } from "../tool/find-tool.ts";
import { runTool } from "../tool/run.ts";
import { sayingOnce } from "../base/log.ts";
import { identityText, openToolAccess, openToolProxy, type ToolAccess } from "./logins.ts";
import type { Proxy } from "../proxy/proxy.ts";
import { type LoginRecord, recordLogins } from "./report.ts";
import type { RunContext } from "../base/context.ts";
import type { AccessRequest } from "./session.ts";
import { placeText, proxyFailed, type Tool } from "./run-tool.ts";

/** A target of a run with several, and what its variables begin with: `SRC_`, or nothing. */
export interface PrefixedRequest extends AccessRequest {
  readonly prefix: string;
}

/** Runs a tool with a proxy for each target; resolves with rdsiam's exit status. */
export async function runOnTargets(
  context: RunContext,
  requests: readonly PrefixedRequest[],
  tool: Omit<Tool, "localPort">,
): Promise<number> {
  const accesses = await openAccesses(context, requests);
  const logins = recordLogins();
  const proxies: Proxy[] = [];
  try {
    const env = environmentWithoutPlace(context.env);
    for (const access of accesses) {
      const { user, dbname, prefix } = access;
      const proxy = await openToolProxy(context, access, {
        port: access.settings.localPort ?? 0,
        onEvent: logins.note,
      });
      proxies.push(proxy);
      const { host, port, secret } = proxy;
      context.log.addSecret(secret);
      const place = { host, port, user, dbname, password: secret };
      for (const [name, value] of placeVariables(place, prefix)) env[name] = value;
    }
    const words = { args: tool.args, env };
    context.waiting.hide();
    return await runBeside(context, {
      proxies,
      logins,
      file: tool.file,
      ...(tool.fit?.(words) ?? words),
    });
  } finally {
    await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
  }
}

type PrefixedAccess = ToolAccess & { readonly prefix: string };

async function openAccesses(
  context: RunContext,
  requests: readonly PrefixedRequest[],
): Promise<PrefixedAccess[]> {
  const once = { ...context, log: sayingOnce(context.log) };
  const accesses: PrefixedAccess[] = [];
  for (const { prefix, ...request } of requests)
    accesses.push({ ...(await openToolAccess(once, request)), prefix });
  for (const access of accesses) {
    const identity = await identityText(access);
    context.log.notice(`${access.prefix}PGHOST, ...: ${placeText(access)}, ${identity}`);
  }
  for (const access of accesses) access.giveTerminalAway();
  return accesses;
}

interface Running {
  readonly proxies: readonly Proxy[];
  readonly logins: LoginRecord;
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function runBeside(context: RunContext, running: Running): Promise<number> {
  const { proxies, logins, file, args, env } = running;
  const ended = new AbortController();
  for (const { failed } of proxies) void failed.then((error) => ended.abort(error));
  const signal = AbortSignal.any([ended.signal, context.failed]);
  const { exitStatus } = await runTool({ file, args, env, signal });
  if (ended.signal.aborted) throw proxyFailed(ended.signal.reason);
  const refusal = exitStatus !== 0 && !isPostgresqlTool(file) ? logins.refusal() : undefined;
  if (refusal !== undefined) context.log.error(refusal);
  return exitStatus;
}
