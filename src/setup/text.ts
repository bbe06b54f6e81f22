// A plan as lines for people, and as a script for a shell.
import { type SetupStep } from "./plan.ts";
import type { Setup } from "./setup.ts";
import { identifier } from "../rds/grants.ts";
import { shellCommand } from "../system/shell-word.ts";

/** What is set up, and as whom. */
export function headline({ login, admin }: Pick<Setup, "admin" | "login">): string {
  const { endpoint, user, dbname } = login;
  return `${identifier(user)} in the database ${identifier(dbname)} of ${endpoint.host}, as ${identifier(admin.user)} (${admin.how})`;
}

/** The steps with what they do, each with its number. */
export function planLines(steps: readonly SetupStep[]): string[] {
  return steps.flatMap(({ title, lines, warning }, index) => [
    `${index + 1}. ${title}`,
    ...lines.map((line) => `     ${line}`),
    ...(warning === undefined ? [] : [`   note: ${warning}`]),
  ]);
}

/** The plan as a script that does the same. */
export function planScript(setup: Setup): string[] {
  const { admin, login, steps, found } = setup;
  const script = [
    "#!/bin/sh",
    `# ${oneLine(headline(setup))}: what is missing for logins with IAM.`,
    "set -e",
  ];
  const open = `rdsiam psql ${shellCommand`-d ${login.dbname}`} ${admin.words} -- -X -v ON_ERROR_STOP=1`;
  // Whom the target calls AWS as.
  const { profile } = login.settings;
  const as = profile === undefined ? "" : shellCommand` --profile ${profile}`;
  for (const [index, { kind, lines, title, warning }] of steps.entries()) {
    script.push("", `# ${index + 1}. ${oneLine(title)}`);
    if (warning !== undefined) script.push(`# note: ${oneLine(warning)}`);
    if (kind === "sql") {
      const end = delimiter(lines);
      script.push(`${open} <<'${end}'`, ...lines, end);
    } else script.push(...lines.map((line) => `${line}${as}`));
    const { resource } = found;
    if (kind === "iam" && resource !== undefined) {
      const what = `db-${resource.kind}`;
      script.push(
        `aws rds wait ${what}-available --${what}-identifier ${resource.name} --region ${login.endpoint.region}${as}`,
      );
    }
  }
  return script;
}

// A name may have line ends in it.
function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, " ");
}

function delimiter(lines: readonly string[]): string {
  const all = lines.flatMap((line) => line.split("\n"));
  let end = "SQL";
  while (all.includes(end)) end += "_";
  return end;
}
