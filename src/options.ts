// The table of commands and options; the cutter, cac, the help texts and the completions are made from it.

/** The commands of this version. */
export type CommandName = "psql" | "exec" | "token" | "list" | "demo";

/** How a command's words are cut: which of them belong to a wrapped tool. */
export type Tail = "after target" | "demo" | "none";

/** One command. */
export interface CommandSpec {
  readonly name: CommandName;
  readonly usage: string;
  readonly summary: string;
  readonly tail: Tail;
  /** Whether a TARGET may be named. */
  readonly takesTarget: boolean;
  readonly examples: readonly string[];
}

/** One option; with `value` it takes an argument, of which that is the name in help texts. */
export interface OptionSpec {
  readonly name: OptionName | FlagName;
  readonly short?: string;
  readonly value?: string;
  readonly summary: string;
  /** The commands that know it; all when absent. */
  readonly commands?: readonly CommandName[];
}

/** The options that take a value, in camelCase. */
export type OptionName =
  | "profile"
  | "region"
  | "roleArn"
  | "roleSessionName"
  | "externalId"
  | "durationSeconds"
  | "host"
  | "user"
  | "dbname"
  | "sslrootcert"
  | "port";

/** The options that are on or off. */
export type FlagName = "names" | "json" | "quiet" | "verbose" | "help" | "version";

/** What was given of each option. */
export type Options = Partial<Record<OptionName, string>> & Partial<Record<FlagName, boolean>>;

/** A command line that was understood. */
export interface Invocation {
  readonly command: CommandName | "help" | "version";
  readonly options: Options;
  readonly target: string | undefined;
  readonly tail: readonly string[];
  readonly dashes: boolean;
}

const DATABASE: readonly CommandName[] = ["psql", "exec", "token"];
const TOOL: readonly CommandName[] = ["psql", "exec"];

/** Every command, in the order of the help text. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: "psql",
    usage: "psql [options] [TARGET] [psql arguments...]",
    summary: "open psql on a target",
    tail: "after target",
    takesTarget: true,
    examples: ["rdsiam psql prod", "rdsiam psql prod -c 'select current_user'"],
  },
  {
    name: "exec",
    usage: "exec [options] [TARGET] [--] COMMAND [arguments...]",
    summary: "run any PostgreSQL tool on a target",
    tail: "after target",
    takesTarget: true,
    examples: [
      "rdsiam exec prod pg_dump -Fc -f prod.dump",
      "AWS_PROFILE=prod rdsiam exec -- pg_dump -s",
    ],
  },
  {
    name: "token",
    usage: "token [options] [TARGET]",
    summary: "print an auth token for tools that run a password command",
    tail: "none",
    takesTarget: true,
    examples: [
      "rdsiam token prod",
      "rdsiam token --host db1.abc.eu-west-1.rds.amazonaws.com --user app_ro",
    ],
  },
  {
    name: "list",
    usage: "list [options]",
    summary: "list the targets in the configuration",
    tail: "none",
    takesTarget: false,
    examples: ["rdsiam list", "rdsiam list --json"],
  },
  {
    name: "demo",
    usage: "demo [options] [psql arguments...] | demo -- COMMAND [arguments...]",
    summary: "try it on a local stand-in for RDS, no AWS account needed",
    tail: "demo",
    takesTarget: false,
    examples: [
      "rdsiam demo",
      "rdsiam demo -c 'select current_user'",
      "rdsiam demo -- rdsiam exec prod pg_dump -s",
    ],
  },
];

/** Every option, in the order of the help text. */
export const OPTIONS: readonly OptionSpec[] = [
  {
    name: "profile",
    value: "NAME",
    summary: "AWS profile for the credentials (default: the target's own)",
    commands: DATABASE,
  },
  {
    name: "region",
    value: "REGION",
    summary: "Region of the database (default: the one in its name)",
    commands: DATABASE,
  },
  {
    name: "roleArn",
    value: "ARN",
    summary: "role to assume on top of the profile's credentials",
    commands: DATABASE,
  },
  {
    name: "roleSessionName",
    value: "NAME",
    summary: "session name for that role (default: rdsiam-<os user>)",
    commands: DATABASE,
  },
  { name: "externalId", value: "ID", summary: "external id for that role", commands: DATABASE },
  {
    name: "durationSeconds",
    value: "N",
    summary: "lifetime asked for that role",
    commands: DATABASE,
  },
  {
    name: "host",
    value: "HOST[:PORT]",
    summary: "the database, instead of the target's rds_host",
    commands: DATABASE,
  },
  { name: "user", short: "U", value: "USER", summary: "database user", commands: DATABASE },
  { name: "dbname", short: "d", value: "DB", summary: "database name", commands: DATABASE },
  {
    name: "sslrootcert",
    value: "FILE|system",
    summary: "CA bundle to trust instead of the built-in one",
    commands: DATABASE,
  },
  {
    name: "port",
    value: "N",
    summary: "local port of the proxy (default: 0, any free one)",
    commands: TOOL,
  },
  { name: "names", summary: "print the names only", commands: ["list"] },
  { name: "json", summary: "print JSON", commands: ["list", "token"] },
  { name: "quiet", short: "q", summary: "no line on stderr when it connects" },
  { name: "verbose", short: "v", summary: "say each step on stderr" },
  { name: "help", short: "h", summary: "show this help" },
  { name: "version", short: "V", summary: "show the version" },
];

/** The spelling of an option on the command line: roleArn is --role-arn. */
export function optionFlag(option: OptionSpec): string {
  return `--${option.name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The options that a command knows; those of every command when none is named. */
export function optionsOf(command: CommandName | undefined): readonly OptionSpec[] {
  return OPTIONS.filter(
    ({ commands }) =>
      commands === undefined || (command !== undefined && commands.includes(command)),
  );
}
