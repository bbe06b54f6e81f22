// The shape of an option in the tables of this directory, and the sets of commands that share options.
/** What a value stands for, where a completion can list it. */
export type ValueKind = "profile" | "region" | "target" | "file" | "directory" | "host";

/** One option; with `value` it takes an argument, of which that is the name in help texts. */
export interface OptionSpec {
  /** In camelCase: roleArn is --role-arn, and RDSIAM_ROLE_ARN in the environment. */
  readonly name: string;
  readonly short?: string;
  readonly value?: string;
  /** The value that is meant when none is given; one is then given as --name=VALUE alone. */
  readonly bare?: string;
  /** The values there are; any other is refused. */
  readonly choices?: readonly string[];
  /** Whether every one counts when it is given more than once; otherwise the last does. */
  readonly repeatable?: boolean;
  readonly completes?: ValueKind;
  readonly summary: string;
  /** The commands that know it; all when absent. */
  readonly commands?: readonly string[];
}

/** The commands that end at one database. */
export const ON_DATABASE: readonly string[] = [
  "psql",
  "exec",
  "proxy",
  "token",
  "url",
  "env",
  "doctor",
  "policy",
];

/** The commands that call AWS with somebody's credentials. */
export const ON_AWS: readonly string[] = [...ON_DATABASE, "discover", "relay"];

/** The commands that open the proxy. */
export const ON_PROXY: readonly string[] = ["psql", "exec", "proxy"];
