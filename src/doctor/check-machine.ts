// The doctor's steps on this machine alone: configuration, environment, tool.
import { proxySetting } from "../aws/proxy-setting.ts";
import { findTool } from "../tool/find-tool.ts";
import { toolVersion } from "../tool/tool-version.ts";
import { requireUser, resolveSettings } from "../config/settings.ts";
import type { Checkup } from "./checkup.ts";
import { environmentNotes } from "./environment.ts";
import { fail, failure, ok, type Outcome } from "./finding.ts";
import { loadConfiguration } from "../session/configuration.ts";
import type { RunContext } from "../base/context.ts";

const OLDEST_PSQL = 10; // the first that knows SCRAM-SHA-256, which the local proxy asks for

/** Reads the configuration and settles the run; a missing user or a wrong way does not block what needs neither. */
export async function checkConfig(checkup: Checkup): Promise<Outcome> {
  const { context, request } = checkup;
  const { env, home } = context;
  // The warnings stand in the finding.
  const log = { ...context.log, always: () => {}, warning: () => {} };
  const loaded = await loadConfiguration({ ...context, log });
  checkup.loaded = loaded;
  try {
    const settings = resolveSettings({ ...request, loaded, env, home });
    checkup.settings = settings;
    const { readWay } = await import("../session/tunnel.ts");
    checkup.via = await readWay(context, settings);
    const user = requireUser(settings);
    checkup.user = user;
    const { host, port, dbname = user, target } = settings;
    const file = loaded.targets.get(target)?.file;
    const what = file === undefined ? `no target, ${host}` : `target "${target}" in ${file}`;
    const where = `user "${user}", database "${dbname}", host ${host}, port ${port}`;
    const how = settings.passwordCommand === undefined ? [] : ["its password is a command's"];
    return ok(what, { notes: [where, ...how, ...loaded.warnings] });
  } catch (error) {
    return failure(error, { notes: loaded.warnings });
  }
}

/** Looks for variables that change the run, or that one may think count. */
export function checkEnvironment({ context, request, settings }: Checkup): Outcome {
  const { env } = context;
  const proxy = awsProxyNote(env);
  const notes = [
    ...environmentNotes({
      env,
      known: request.knownVariables,
      profile: settings?.profile,
      settled: settings !== undefined,
    }),
    ...proxy,
  ];
  return ok(notes.length === 0 ? "nothing in it that interferes" : "worth knowing:", { notes });
}

// A value that is no proxy's address is an error.
function awsProxyNote(env: RunContext["env"]): string[] {
  const call = { protocol: "https:", hostname: "sts.amazonaws.com", port: 443 };
  const proxy = proxySetting(call, env);
  return proxy === undefined
    ? []
    : [
        `${proxy.variable}: calls to AWS go through ${proxy.address}; the database's connection does not`,
      ];
}

/** Looks for psql. */
export async function checkTool({ context }: Checkup): Promise<Outcome> {
  const file = await findTool("psql", context.env);
  const version = await toolVersion(file, context.env);
  if (version === undefined) {
    return fail(`${file} does not run`, {
      cause: "It ended with an error when asked for its version.",
      remedy: `Run it by hand: ${file} --version`,
    });
  }
  const major = Number(/\b(\d+)(?:\.\d+|devel|beta\d+|rc\d+)/.exec(version)?.[1] ?? OLDEST_PSQL);
  if (major >= OLDEST_PSQL) return ok(`${version}, ${file}`);
  return fail(`${version} is too old, ${file}`, {
    cause: "It cannot log in with SCRAM-SHA-256, as rdsiam's local proxy asks for.",
    remedy:
      "Install a newer one: apt install postgresql-client (Debian, Ubuntu), brew install libpq (macOS)",
  });
}
