// The targets of one `rdsiam exec`: TARGET, or any number of --target [NAME=]TARGET.
import type { Environment } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { type Invocation, type Options, optionValue } from "../cli/options.ts";
import { prefixOf } from "./exec-words.ts";

/** A target, and what its variables begin with: `SRC_`, or nothing. */
export interface NamedTarget {
  readonly prefix: string;
  /** Undefined for the one of the environment. */
  readonly target: string | undefined;
}

/** What is to be run, and on what. */
export interface ExecWords {
  readonly targets: readonly NamedTarget[];
  readonly tail: readonly string[];
}

/** Whether a command line is for every target that matches, and not for one or a few that it names. */
export function isForEach({ options }: Pick<Invocation, "options">, env: Environment): boolean {
  // RDSIAM_TAG is for `rdsiam discover` too, and begins nothing by itself.
  return optionValue(options, env, "each") !== undefined || options.tag !== undefined;
}

/** Reads the targets; with --target, and for each that matches, every other word is the tool's. */
export function readTargets(invocation: Invocation, isEach = false): ExecWords {
  const { values, target, tail, dashes } = invocation;
  const given = values.target ?? [];
  if (given.length === 0 && !isEach) return { targets: [{ prefix: "", target }], tail };
  const targets = isEach ? [{ prefix: "", target: undefined }] : given.map(readTarget);
  for (const [index, { prefix }] of targets.entries()) {
    if (targets.findIndex((other) => other.prefix === prefix) < index) throw givenTwice(prefix);
  }
  // The cutter took the first word for a TARGET, and a `--` right behind it for its own.
  const first = target === undefined ? [] : [target, ...(dashes ? ["--"] : [])];
  return { targets, tail: [...first, ...tail] };
}

/** Throws ERR_USAGE for what only one target can have: a host, and a local port. */
export function refuseForSeveral(options: Options, env: Environment): void {
  // RDSIAM_HOST beside RDSIAM_TARGET comes from an outer rdsiam, and applies to that target alone.
  const host = options.host ?? (env["RDSIAM_TARGET"] ? undefined : env["RDSIAM_HOST"]);
  const port = optionValue(options, env, "port");
  const given = [
    host && "--host (RDSIAM_HOST)",
    (options.signHost ?? env["RDSIAM_SIGN_HOST"]) && "--sign-host (RDSIAM_SIGN_HOST)",
    port && port !== "0" && "--port (RDSIAM_PORT)",
  ].find(Boolean);
  if (!given) return;
  throw new RdsIamError(`${given} works with one target, not with several`, {
    code: "ERR_USAGE",
    hint: "Define each database as its own target, and let rdsiam pick the local ports.",
  });
}

function readTarget(text: string): NamedTarget {
  const [, name, target = ""] = /^([A-Za-z][A-Za-z0-9_]*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) return { prefix: "", target: text };
  if (target !== "") return { prefix: prefixOf(name), target };
  throw new RdsIamError(`--target ${text} has no target after the =`, {
    code: "ERR_USAGE",
    hint: `Write --target ${text}TARGET; rdsiam list shows the existing ones.`,
  });
}

function givenTwice(prefix: string): RdsIamError {
  const what = prefix === "" ? "without a name" : `with the name ${prefix.slice(0, -1)}`;
  return new RdsIamError(`two targets ${what}`, {
    code: "ERR_USAGE",
    detail: `The second one's ${prefix}PGHOST would replace the first one's.`,
    hint: "Name each: --target src=TARGET --target dst=TARGET.",
  });
}
