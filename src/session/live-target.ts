// Looks for a target that no file has among the RDS instances and clusters of the AWS account, and remembers it: a section of
// rdsiam's own file, as `rdsiam discover --write` adds it. A name that may be a slip is never looked for, and what is in doubt is an
// error: a target that was not meant may be another's production.
import type { FoundDatabase } from "../aws/found-database.ts";
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import { shellCommand } from "../system/shell-word.ts";
import { appendSections, formatSection } from "../config/add-targets.ts";
import { hasIdentity } from "../config/choose-target.ts";
import { givenText, type SettingsInput } from "../config/given.ts";
import type { LoadedTargets } from "../config/targets.ts";
import { openAccount } from "./account.ts";
import { databaseLines } from "./database-section.ts";

// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html
const IDENTIFIER = /^(?=.{1,63}$)[a-z](?:-?[a-z0-9])*$/i;

/** Adds the target to our own file where it is an identifier of the account; whether it did. A lookup that fails rejects. */
export async function addLiveTarget(
  context: RunContext,
  { targetName: name, options, loaded }: Pick<SettingsInput, "targetName" | "options" | "loaded">,
): Promise<boolean> {
  const { env, log, waiting } = context;
  const known = new Set([...loaded.targets.keys(), ...loaded.aws.profiles.keys()]);
  if (name === undefined || options.host !== undefined || known.has(name)) return false;
  if (!IDENTIFIER.test(name) || nearestName(name, known) !== undefined) return false;
  if (loaded.aws.oddities.some(({ profiles }) => profiles.includes(name))) return false;
  const account = await openAccount(context, { options, loaded });
  const { profile, region } = account;
  if (region === undefined || !hasCredentials(env, profile, loaded)) return false;
  const own = loaded.targets.get(profile ?? "default")?.discover;
  const given = givenText({ options, env }, "discover")?.text;
  if (given === undefined ? own === false : given === "off") return false;
  const { findDatabases } = await import("../aws/discover.ts");
  const found = await waiting.for("the RDS API", findDatabases(account.callerIn(region), name));
  const whose = profile === undefined ? "the environment's account" : `the account of "${profile}"`;
  const secret = givenText({ options, env }, "secret")?.text;
  const isIam = secret === undefined;
  const database = theOne(name, found, { where: `${whose} in ${region}`, isIam });
  const user = options.user ?? (env["RDSIAM_USER"] || database.user);
  if (user === undefined && isIam) {
    throw new RdsIamError(`no database user for "${name}"`, {
      code: "ERR_TARGET",
      detail: `It is in no file. In ${whose} it is the ${database.kind} ${database.host}.`,
      hint: shellCommand`Add -U USER before the target, or make it one: rdsiam init ${name}`,
    });
  }
  const lines = [
    ...databaseLines(database, { profile, user }),
    ...(secret === undefined ? [] : [["secret", secret] as const]),
  ];
  await appendSections(loaded.own.path, [formatSection({ name, lines })]);
  log.always(
    `rdsiam: "${name}" is the ${database.kind} ${database.host} in ${whose}; added to ${loaded.own.path}`,
  );
  return true;
}

// A call is made only where there is something to sign it with.
function hasCredentials(
  env: RunContext["env"],
  profile: string | undefined,
  { aws }: LoadedTargets,
): boolean {
  const values = aws.profiles.get(profile ?? "default");
  const variables = ["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE"];
  return (
    (values !== undefined && hasIdentity(values)) ||
    (profile === undefined && variables.some((variable) => Boolean(env[variable])))
  );
}

function theOne(
  name: string,
  found: readonly FoundDatabase[],
  { where, isIam }: { readonly where: string; readonly isIam: boolean },
): FoundDatabase {
  const [first, second] = found;
  if (first === undefined) {
    throw new RdsIamError(`unknown target "${name}"`, {
      code: "ERR_TARGET",
      detail: `It is in no file, and no PostgreSQL instance or cluster of ${where} is called that.`,
      hint: shellCommand`Create it with: rdsiam init ${name}. See what there is with: rdsiam list, rdsiam discover`,
    });
  }
  if (second !== undefined) {
    throw new RdsIamError(`"${name}" is both an instance and a cluster of ${where}`, {
      code: "ERR_TARGET",
      detail: `They are ${first.host} and ${second.host}.`,
      hint: shellCommand`Choose one of them with: rdsiam init ${name}`,
    });
  }
  if (first.iam || !isIam) return first;
  throw new RdsIamError(`IAM authentication is off for the ${first.kind} "${name}" of ${where}`, {
    code: "ERR_TARGET",
    detail: `It is ${first.host}.`,
    hint: shellCommand`Switch it on, or make a target with another way to log in: rdsiam init --secret auto ${name}`,
  });
}
