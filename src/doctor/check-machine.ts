// The doctor's steps on this machine alone: configuration, environment, tool.
import { proxySetting } from "../aws/proxy-setting.ts";
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { passwordSource, requireUser, resolveSettings, type Settings } from "../config/settings.ts";
import { configWarnings } from "../config/targets.ts";
import { withServiceDefaults } from "../rds/endpoint.ts";
import type { CredentialSettings } from "../session/credentials.ts";
import { loadConfiguration, readVia } from "../session/settings.ts";
import { findTool, toolVersion } from "../tool/find-tool.ts";
import type { Via } from "../via/parse.ts";
import { environmentNotes } from "./environment.ts";
import { type DoctorRequest, fail, failure, type StepResult, ok, type Outcome } from "./finding.ts";

const OLDEST_PSQL = 10; // the first that knows SCRAM-SHA-256, which the local proxy asks for

/** What could be resolved of a run's configuration. */
export interface FoundConfig {
  readonly config?: CredentialSettings | undefined;
  readonly via?: Via | undefined;
  readonly user?: string | undefined;
}

/** Reads the configuration and resolves the run; a missing user or an invalid tunnel does not block what needs neither. */
export async function checkConfig(
  context: RunContext,
  request: DoctorRequest,
): Promise<StepResult<FoundConfig>> {
  const { env, home } = context;
  // The warnings are notes of the finding.
  const log = { ...context.log, always: () => {}, warning: () => {} };
  const loaded = loadConfiguration({ ...context, log });
  const warnings = [...loaded.aws.warnings, ...configWarnings(loaded)];
  let value: FoundConfig = {};
  try {
    const settings = withServiceDefaults(resolveSettings({ ...request, loaded, env, home }));
    value = { config: { settings, loaded } };
    value = { ...value, via: await readVia(context.log, settings) };
    // A secret may have one.
    const user = settings.secret === undefined ? requireUser(settings) : settings.user;
    value = { ...value, user };
    const { host, port, dbname = user, target } = settings;
    const file = loaded.targets.get(target ?? "")?.file;
    const what = file === undefined ? `no target, ${host}` : `target "${target}" in ${file}`;
    const where = [
      ...(user === undefined ? [] : [`user "${user}"`]),
      ...(dbname === undefined ? [] : [`database "${dbname}"`]),
      ...(host === "" ? [] : [`host ${host}`, `port ${port}`]),
    ].join(", ");
    const source = passwordSource(settings);
    const how = {
      command: ["its password comes from a command"],
      secret: [`its password comes from the secret ${settings.secret}`],
    };
    return {
      ...ok(what, {
        notes: [where, ...(source === undefined ? [] : how[source]), ...warnings].filter(Boolean),
      }),
      value,
    };
  } catch (error) {
    const meant = error instanceof RdsIamError ? await request.explain(error) : error;
    return { ...failure(meant, { notes: warnings }), value };
  }
}

/** Looks for variables that change the run, or seem to. */
export function checkEnvironment(
  { env }: RunContext,
  { knownVariables }: DoctorRequest,
  settings: Settings | undefined,
): Outcome {
  const proxy = awsProxyNote(env);
  const notes = [
    ...environmentNotes({
      env,
      known: knownVariables,
      profile: settings?.profile,
      settled: settings !== undefined,
    }),
    ...proxy,
  ];
  return ok(notes.length === 0 ? "nothing that interferes" : "note:", {
    notes,
  });
}

// An invalid proxy address is an error.
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
export async function checkTool(context: RunContext): Promise<Outcome> {
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
    cause: "It cannot log in with SCRAM-SHA-256, which rdsiam's local proxy requires.",
    remedy:
      "Install a newer one: apt install postgresql-client (Debian, Ubuntu), brew install libpq (macOS)",
  });
}
