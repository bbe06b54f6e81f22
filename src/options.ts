// The table of options; the cutter, cac, the help texts and the completions are made from it and from the commands' table.
import type { CommandName } from "./command-table.ts";

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
  | "awsTimeout"
  | "mfaSerial"
  | "mfaCode"
  | "host"
  | "signHost"
  | "user"
  | "dbname"
  | "sslrootcert"
  | "via"
  | "partition"
  | "tag"
  | "port";

/** The options that are on or off. */
export type FlagName =
  | "allRegions"
  | "write"
  | "strictHost"
  | "noCache"
  | "names"
  | "json"
  | "quiet"
  | "verbose"
  | "help"
  | "version";

/** What was given of each option. */
export type Options = Partial<Record<OptionName, string>> & Partial<Record<FlagName, boolean>>;

/** A command line that was understood. */
export interface Invocation {
  readonly command: CommandName | "help" | "version";
  readonly options: Options;
  /** Every value of the options that were given, for those of which more than one counts. */
  readonly values: Readonly<Partial<Record<OptionName, readonly string[]>>>;
  readonly target: string | undefined;
  readonly tail: readonly string[];
  readonly dashes: boolean;
}

const DATABASE: readonly CommandName[] = ["psql", "exec", "token"];
const AWS: readonly CommandName[] = [...DATABASE, "discover"];
const TOOL: readonly CommandName[] = ["psql", "exec"];

/** Every option, in the order of the help text. */
export const OPTIONS: readonly OptionSpec[] = [
  {
    name: "profile",
    value: "NAME",
    summary: "AWS profile for the credentials (default: the target's own)",
    commands: AWS,
  },
  {
    name: "region",
    value: "REGION",
    summary: "Region of the database (default: the one in its name)",
    commands: DATABASE,
  },
  {
    name: "region",
    value: "REGION",
    summary: "Region to look in; may be given more than once",
    commands: ["discover"],
  },
  {
    name: "region",
    value: "REGION",
    summary: "the bundle of one Region (default: all of the partition's)",
    commands: ["ca"],
  },
  {
    name: "partition",
    value: "NAME",
    summary: "aws, aws-us-gov or aws-cn (default: aws)",
    commands: ["ca"],
  },
  { name: "allRegions", summary: "look in every Region of the account", commands: ["discover"] },
  {
    name: "tag",
    value: "KEY[=VALUE]",
    summary: "only what has this tag; may be given more than once",
    commands: ["discover"],
  },
  {
    name: "write",
    summary: "add what is new to rdsiam's own configuration file",
    commands: ["discover"],
  },
  {
    name: "roleArn",
    value: "ARN",
    summary: "role to assume on top of the profile's credentials",
    commands: AWS,
  },
  {
    name: "roleSessionName",
    value: "NAME",
    summary: "session name for that role (default: rdsiam-<os user>)",
    commands: AWS,
  },
  { name: "externalId", value: "ID", summary: "external id for that role", commands: AWS },
  {
    name: "durationSeconds",
    value: "N",
    summary: "lifetime asked for that role",
    commands: AWS,
  },
  {
    name: "mfaSerial",
    value: "ARN",
    summary: "MFA device for that role",
    commands: AWS,
  },
  {
    name: "mfaCode",
    value: "CODE",
    summary: "MFA code, where no terminal can be asked for one",
    commands: AWS,
  },
  {
    name: "noCache",
    summary: "leave the AWS CLI's credential cache alone",
    commands: AWS,
  },
  {
    name: "awsTimeout",
    value: "SECONDS",
    summary: "limit of each call to AWS (default: 15)",
    commands: AWS,
  },
  {
    name: "host",
    value: "HOST[:PORT]",
    summary: "the database, instead of the target's rds_host",
    commands: DATABASE,
  },
  {
    name: "signHost",
    value: "HOST[:PORT]",
    summary: "the RDS endpoint that the host stands for",
    commands: DATABASE,
  },
  {
    name: "strictHost",
    summary: "fail when the host leads to another database than before",
    commands: DATABASE,
  },
  { name: "user", short: "U", value: "USER", summary: "database user", commands: AWS },
  { name: "dbname", short: "d", value: "DB", summary: "database name", commands: DATABASE },
  {
    name: "sslrootcert",
    value: "FILE|system",
    summary: "CA bundle to trust instead of the built-in one",
    commands: DATABASE,
  },
  {
    name: "via",
    value: "WHERE",
    summary: "way there: HOST:PORT, ssh://, ssm://, socks5://, http://, ...",
    commands: TOOL,
  },
  {
    name: "port",
    value: "N",
    summary: "local port of the proxy (default: 0, any free one)",
    commands: TOOL,
  },
  { name: "names", summary: "print the names only", commands: ["list"] },
  { name: "json", summary: "print JSON", commands: ["list", "token", "discover"] },
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
