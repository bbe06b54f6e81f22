// A database of an AWS account as a target: the lines of its section in rdsiam's own file.
import { defaultPort } from "../base/redshift.ts";
import type { FoundDatabase } from "../aws/found-database.ts";
import type { NewSection } from "../config/add-targets.ts";

/** What is said of a database where it is listed. */
export function describeDatabase({ kind, region, iam }: FoundDatabase): string {
  return `${kind} in ${region}, IAM authentication ${iam ? "on" : "off"}`;
}

/** The lines of its section; the first is a comment. */
export function databaseLines(
  database: FoundDatabase,
  { profile, user }: { readonly profile: string | undefined; readonly user: string | undefined },
): NewSection["lines"] {
  const { host, kind, port, signHost, dbname } = database;
  // Redshift Serverless takes none.
  const named = kind === "redshift-serverless" ? undefined : user;
  const lines: (readonly [string, string | undefined])[] = [
    ["#", describeDatabase(database)],
    ["profile", profile],
    ["host", host],
    ["port", port === defaultPort(host) ? undefined : String(port)],
    ["sign_host", signHost],
    ["user", named ?? database.user],
    ["dbname", dbname],
  ];
  return lines.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
}
