// Looks in the environment for variables that change a run unexpectedly, and for those that seem to and do not.
// Only names are shown, and values that cannot be secret.

import { ENDPOINT_VARIABLES } from "../aws/endpoints.ts";
import type { Environment } from "../base/context.ts";
import { nearestName } from "../base/nearest-name.ts";
import { isServiceVariable } from "../config/names.ts";

/** What is known beside the environment. */
export interface EnvironmentQuestion {
  readonly env: Environment;
  /** The RDSIAM_ variables that this version reads. */
  readonly known: readonly string[];
  /** The AWS profile of the run; undefined for the environment's own credentials, or while no target is known. */
  readonly profile: string | undefined;
  /** Whether a target is known. */
  readonly settled: boolean;
}

// What decides where libpq goes and how; rdsiam sets or deletes them for the tool.
const LIBPQ =
  /^PG(?:HOST|HOSTADDR|PORT|USER|DATABASE|PASSWORD|PASSFILE|SERVICE|SERVICEFILE|SSL\w*|REQUIRE\w+|CHANNELBINDING|GSSENCMODE|TARGETSESSIONATTRS|LOADBALANCEHOSTS)$/;
// What rdsiam or the tool reads, and whose value is not a secret once a URL's login is removed.
const HEEDED: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`^(?:${ENDPOINT_VARIABLES.join("|")})$`), "calls to AWS go there"],
  [/^AWS_CA_BUNDLE$/, "calls to AWS trust this file alone"],
  [
    /^(?:AWS_CONFIG_FILE|AWS_SHARED_CREDENTIALS_FILE|RDSIAM_CONFIG_FILE)$/,
    "read instead of the usual file",
  ],
  [
    /^(?:AWS_REGION|AWS_DEFAULT_REGION)$/,
    "where STS is called; tokens are signed for the database's Region",
  ],
  [/^AWS_USE_(?:FIPS|DUALSTACK)_ENDPOINT$/, "calls to AWS use it"],
  [/^(?:NODE_OPTIONS|NODE_EXTRA_CA_CERTS|BUN_OPTIONS|DENO_CERT)$/, "affects the runtime itself"],
  [/^PGOPTIONS$/, "reaches the database with every tool"],
];
const IGNORED = "NODE_TLS_REJECT_UNAUTHORIZED";

// What has a note of its own, or changes no more than what is printed.
const QUIET_OWN = new Set(["RDSIAM_CONFIG_FILE", "RDSIAM_VERBOSE", "RDSIAM_QUIET"]);
const KEY_ID = "AWS_ACCESS_KEY_ID";
const SECRET = "AWS_SECRET_ACCESS_KEY";

/** What of the environment is worth knowing, a sentence each. */
export function environmentNotes(question: EnvironmentQuestion): readonly string[] {
  const { env } = question;
  const names = Object.keys(env)
    .filter((name) => env[name])
    .toSorted();
  return [
    ...libpqNotes(names),
    ...identityNotes(question),
    ...names.flatMap((name) => heededNote(name, env[name] ?? "")),
    ...(env[IGNORED] ? [`${IGNORED} is ignored: rdsiam always verifies`] : []),
    ...ownNotes(names, question),
  ];
}

function libpqNotes(names: readonly string[]): string[] {
  const found = names.filter((name) => LIBPQ.test(name));
  return found.length === 0
    ? []
    : [`${found.join(", ")}: not used; the tool gets rdsiam's own or none`];
}

// The order is the AWS CLI's; which of several is used surprises people.
function identityNotes({ env, profile, settled }: EnvironmentQuestion): string[] {
  const notes: string[] = [];
  const key = env[KEY_ID];
  const [there, missing] = key ? [KEY_ID, SECRET] : [SECRET, KEY_ID];
  if (env[there] && !env[missing]) notes.push(`${there} is set without ${missing}`);
  if (!settled) return notes;
  const named = env["AWS_DEFAULT_PROFILE"] || env["AWS_PROFILE"] || undefined;
  const variable = env["AWS_DEFAULT_PROFILE"] ? "AWS_DEFAULT_PROFILE" : "AWS_PROFILE";
  if (key && profile !== undefined) {
    notes.push(`${KEY_ID}: not used; profile "${profile}" is the target's or was named`);
  }
  if (key && profile === undefined && named !== undefined) {
    notes.push(`${KEY_ID} wins over ${variable}=${named}, as in the AWS CLI`);
  }
  if (named !== undefined && profile !== undefined && named !== profile) {
    notes.push(`${variable}=${named}: not used; profile "${profile}" is the target's or was named`);
  }
  return notes;
}

function heededNote(name: string, value: string): string[] {
  const what = HEEDED.find(([pattern]) => pattern.test(name))?.[1];
  const shown = value.replaceAll(/\/\/[^@/\s]*@/g, "//");
  return what === undefined ? [] : [`${name}=${shown}: ${what}`];
}

function ownNotes(names: readonly string[], { env, known }: EnvironmentQuestion): string[] {
  const all = names.filter((name) => name.startsWith("RDSIAM_"));
  const own = all.filter((name) => !isServiceVariable(name, env[name] ?? ""));
  const service = all.filter((name) => !own.includes(name));
  const used = own.filter((name) => known.includes(name) && !QUIET_OWN.has(name));
  const unknown = own.filter((name) => !known.includes(name));
  const notes = used.length === 0 ? [] : [`${used.join(", ")}: used as options`];
  if (service.length > 0)
    notes.push(`${service.join(", ")}: not used; Kubernetes sets it for a Service`);
  for (const name of unknown) {
    const nearest = nearestName(name, known);
    const guess = nearest === undefined ? "" : `; did you mean ${nearest}?`;
    notes.push(`${name}: not a variable of rdsiam${guess}`);
  }
  return notes;
}
