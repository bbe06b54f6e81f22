// `rdsiam exec --each PATTERNS --tag KEY=VALUE`: a tool on every target that matches, each with a proxy of its own.
import { constants } from "node:os";
import { hasTag, readTag } from "../aws/tags.ts";
import { agrees, type RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import { type Invocation, isOn, optionList, optionValue } from "../cli/options.ts";
import { resolveSettings } from "../config/settings.ts";
import { isPlaced, type LoadedTargets } from "../config/targets.ts";
import { type EachResults, runOnEach } from "../session/run-each.ts";
import type { Tool } from "../session/run-tool.ts";
import { loadConfiguration } from "../session/settings.ts";

const JOBS = 4; // when --jobs does not say otherwise
const MOST_JOBS = 64;

/** Runs the tool on each target; resolves with the worst exit status. */
export async function runForEach(
  context: RunContext,
  invocation: Invocation,
  { name, tool }: { readonly name: string; readonly tool: Tool },
): Promise<number> {
  const { env, log } = context;
  const { options, values } = invocation;
  if (values.target !== undefined) {
    throw new RdsIamError("--each and --tag cannot be combined with --target", {
      code: "ERR_USAGE",
    });
  }
  const jobs = readJobs(optionValue(options, env, "jobs"));
  const outputDirectory = optionValue(options, env, "outputDir");
  const loaded = loadConfiguration(context);
  const patterns = optionList(invocation, env, "each");
  const targets = matchTargets(loaded, patterns, optionList(invocation, env, "tag"));
  await confirm(context, invocation, { name, targets, loaded });
  const requests = targets.map((targetName) => ({ targetName, options, loaded }));
  const ended = await runOnEach(context, requests, tool, { jobs, outputDirectory });
  log.always(`rdsiam: ${summaryOf(ended)}`);
  if (ended.signal !== undefined) return 128 + constants.signals[ended.signal];
  return Math.max(...ended.results.map(({ exitStatus = 0 }) => exitStatus));
}

/** The names of the targets that match a pattern and have every tag, in the configuration's order. */
export function matchTargets(
  { targets }: Pick<LoadedTargets, "targets">,
  patterns: readonly string[],
  tags: readonly string[],
): string[] {
  // A broken one is among them, and its run fails: it must not be passed over without a word.
  const usable = [...targets.values()].filter(
    (target) => isPlaced(target) || target.problems.length > 0,
  );
  const names = usable.map(({ name }) => name);
  const expressions = patterns.map(globExpression);
  const idle = patterns.find((_, index) => !names.some((name) => expressions[index]?.test(name)));
  if (idle !== undefined) throw noMatch(`"${idle}"`, idle, names);
  const wanted = tags.map(readTag);
  const found = usable.filter(({ name, tags: own = [] }) => {
    const all = own.map(readTag).map(({ key, value = "" }) => ({ [key]: value }));
    const isNamed = patterns.length === 0 || expressions.some((each) => each.test(name));
    return isNamed && wanted.every((tag) => hasTag(all, tag));
  });
  if (found.length === 0) throw noMatch(`--tag ${tags.join(" --tag ")}`, undefined, names);
  return found.map(({ name }) => name);
}

// `*` and `?`, as in a shell; a name is any text.
function globExpression(pattern: string): RegExp {
  const escaped = pattern.replaceAll(/[\\^$.+()[\]{}|]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`, "su");
}

function noMatch(what: string, typed: string | undefined, names: readonly string[]): RdsIamError {
  const nearest = typed === undefined ? undefined : nearestName(typed, names);
  const see = "See the targets with: rdsiam list";
  return new RdsIamError(`no target matches ${what}`, {
    code: "ERR_TARGET",
    detail:
      typed === undefined
        ? "The tags of a target are its key rds_tags: env=dev,team=x."
        : undefined,
    hint: nearest === undefined ? see : `Did you mean "${nearest}"? ${see}`,
  });
}

function readJobs(text: string | undefined): number {
  if (text === undefined) return JOBS;
  const jobs = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (jobs >= 1 && jobs <= MOST_JOBS) return jobs;
  throw new RdsIamError(`--jobs (RDSIAM_JOBS) must be a whole number from 1 to ${MOST_JOBS}`, {
    code: "ERR_USAGE",
  });
}

interface Matched {
  readonly name: string;
  readonly targets: readonly string[];
  readonly loaded: LoadedTargets;
}

// One slip of the pattern must not change many databases. A script, which has no terminal, is not asked.
async function confirm(
  context: RunContext,
  { options }: Invocation,
  { name, targets, loaded }: Matched,
): Promise<void> {
  const { env, home, terminal } = context;
  if (isOn(options, env, "yes") || !terminal.isThere()) return;
  const writable = targets.filter((targetName) => {
    try {
      return !resolveSettings({ targetName, options, loaded, env, home }).readOnly;
    } catch {
      // Its run fails, with what is wrong.
      return false;
    }
  });
  if (writable.length < 2) return;
  const question = `Run ${name} on ${targets.length} targets, of which ${writable.length} are not read-only (${writable.join(", ")})?`;
  if (await agrees(terminal, question, "no")) return;
  throw new RdsIamError(`${name} was not run`, {
    code: "ERR_INTERRUPTED",
    hint: "Answer y, or add --yes; with --read-only, rdsiam does not ask.",
  });
}

function summaryOf({ results, signal }: EachResults): string {
  const good = results.filter(({ exitStatus }) => exitStatus === 0).length;
  const failed = results.flatMap(({ exitStatus, target }) =>
    exitStatus === 0 ? [] : [`${target} (${exitStatus ?? "not run"})`],
  );
  const rest = failed.length === 0 ? "" : `; failed: ${failed.join(", ")}`;
  const ended = signal === undefined ? "" : `, ended by ${signal}`;
  return `${good} of ${results.length} succeeded${ended}${rest}`;
}
