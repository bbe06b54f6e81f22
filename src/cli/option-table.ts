// The options of the command line that are not settings of config/keys.ts: of one command or a few, of the proxy's local side,
// and of every command; those of serving are in serve-options.ts. After a change: npm run generate.
import { ON_PROXY } from "../config/keys.ts";
import type { ValueKind } from "../config/setting.ts";

/** One option; with `value` it takes an argument, which has that name in help texts. */
export interface OptionSpec {
  /** In camelCase: roleArn is --role-arn, and RDSIAM_ROLE_ARN in the environment. */
  readonly name: string;
  readonly short?: string | undefined;
  readonly value?: string | undefined;
  /** The value where none is given; one is then given as --name=VALUE alone. */
  readonly bare?: string | undefined;
  /** The valid values. */
  readonly choices?: readonly string[] | undefined;
  /** Whether every one applies when it is given more than once; otherwise the last does. */
  readonly repeatable?: boolean | undefined;
  readonly completes?: ValueKind | undefined;
  /** Whether few need it: the first to be folded where a help text has no room. */
  readonly rare?: boolean | undefined;
  readonly summary: string;
  /** The commands that know it; all when absent. */
  readonly commands?: readonly string[] | undefined;
}

/** Options of one command, or of a few. */
export const OWN_OPTIONS = [
  {
    name: "target",
    value: "[NAME=]TARGET",
    completes: "target",
    repeatable: true,
    summary: "one of several; with NAME=, sets NAME_PGHOST, ...",
    commands: ["exec"],
  },
  {
    name: "each",
    value: "PATTERN,...",
    completes: "target",
    repeatable: true,
    summary: "every target that matches: 'stage-*,prod'",
    commands: ["exec"],
  },
  {
    name: "tag",
    value: "KEY[=VALUE]",
    repeatable: true,
    summary: "every target with this tag (rds_tags); repeatable",
    commands: ["exec"],
  },
  { name: "jobs", value: "N", summary: "targets at a time (default: 4)", commands: ["exec"] },
  {
    name: "outputDir",
    value: "DIR",
    completes: "directory",
    summary: "write to DIR/TARGET.out and DIR/TARGET.err",
    commands: ["exec"],
  },
  { name: "yes", summary: "run on several targets without asking", commands: ["exec"] },
  {
    name: "databaseUrl",
    value: "NAME",
    bare: "DATABASE_URL",
    summary: "set DATABASE_URL, or NAME, to the proxy's URL",
    commands: ["exec"],
  },
  {
    name: "template",
    summary: "fill in {host} {port} {user} {dbname} {url}",
    commands: ["exec"],
  },
  {
    name: "env",
    value: "NAME=TEMPLATE",
    repeatable: true,
    summary: "set a variable; fills in {password}, {url}, ...",
    commands: ["exec"],
  },
  {
    name: "region",
    value: "REGION",
    completes: "region",
    repeatable: true,
    summary: "Region to search; repeatable",
    commands: ["discover"],
  },
  {
    name: "region",
    value: "REGION",
    completes: "region",
    summary: "one Region's bundle (default: the partition's)",
    commands: ["ca"],
  },
  {
    name: "partition",
    value: "NAME",
    choices: ["aws", "aws-us-gov", "aws-cn"],
    summary: "partition of the certificates (default: aws)",
    commands: ["ca"],
  },
  { name: "allRegions", summary: "search every Region of the account", commands: ["discover"] },
  {
    name: "tag",
    value: "KEY[=VALUE]",
    repeatable: true,
    summary: "only databases with this tag; repeatable",
    commands: ["discover"],
  },
  {
    name: "write",
    summary: "add new databases to rdsiam's own file",
    commands: ["discover"],
  },
  { name: "check", summary: "show whose credentials are used (asks STS)", commands: ["token"] },
  {
    name: "shell",
    value: "SHELL",
    choices: ["sh", "fish", "powershell", "cmd"],
    summary: "shell syntax: sh, fish, powershell or cmd (default: sh)",
    commands: ["env"],
  },
  {
    name: "install",
    summary: "write the script where the shell looks for it",
    commands: ["completion"],
  },
  {
    name: "install",
    summary: "download a PostgreSQL server if none is installed",
    commands: ["demo"],
  },
  { name: "unset", summary: "print the unset commands", commands: ["env"] },
  { name: "yes", summary: "write without asking", commands: ["init"] },
  {
    name: "adminSecret",
    value: "ARN",
    summary: "administrator's secret (default: auto)",
    commands: ["setup"],
  },
  {
    name: "adminTarget",
    value: "TARGET",
    completes: "target",
    summary: "administrator's target for the same database",
    commands: ["setup"],
  },
  {
    name: "adminPasswordCommand",
    value: "CMD",
    rare: true,
    summary: "log in as the master user with what CMD prints",
    commands: ["setup"],
  },
  {
    name: "grant",
    value: "WHAT",
    summary: "what the user may do: read, write, or an SQL file",
    commands: ["setup"],
  },
  {
    name: "schema",
    value: "NAME",
    repeatable: true,
    summary: "schema to grant in (default: public); repeatable",
    commands: ["setup"],
  },
  {
    name: "attachPolicy",
    value: "NAME",
    summary: "attach the policy to this IAM role or user",
    commands: ["setup"],
  },
  { name: "print", summary: "print the plan as a script, change nothing", commands: ["setup"] },
  { name: "yes", summary: "carry out the plan without asking", commands: ["setup"] },
  {
    name: "ssoStartUrl",
    value: "URL",
    summary: "log in with IAM Identity Center, in a new profile",
    commands: ["init"],
  },
  {
    name: "ssoRegion",
    value: "REGION",
    completes: "region",
    summary: "Region of IAM Identity Center",
    commands: ["init"],
  },
  { name: "ssoAccountId", value: "ID", summary: "AWS account to log in to", commands: ["init"] },
  {
    name: "ssoRoleName",
    value: "NAME",
    summary: "permission set to log in with",
    commands: ["init"],
  },
  {
    name: "deviceCode",
    summary: "confirm a code in any browser, on any machine",
    commands: ["login"],
  },
  { name: "noBrowser", summary: "only print the page's URL", commands: ["login"] },
  { name: "all", summary: "show every target, with the errors of broken ones", commands: ["show"] },
  { name: "names", summary: "print only the names", commands: ["list"] },
  {
    name: "json",
    summary: "print JSON",
    commands: ["proxy", "list", "token", "env", "show", "doctor", "policy", "discover"],
  },
  {
    name: "printConfig",
    value: "TOOL",
    choices: ["dbeaver", "datagrip", "pgadmin", "tableplus", "jdbc", "docker"],
    summary: "print settings for a tool instead of the URL",
    commands: ["proxy"],
  },
] as const satisfies readonly OptionSpec[];

/** Options of the proxy's local side. */
export const PROXY_OPTIONS = [
  {
    name: "port",
    value: "N",
    summary: "local port (default: rds_local_port, else any)",
    commands: ON_PROXY,
  },
  {
    name: "socket",
    value: "DIR",
    completes: "directory",
    summary: "a Unix socket in DIR instead of a port",
    commands: ["proxy"],
  },
  {
    name: "showPassword",
    summary: "print the URL with the password on a terminal too",
    commands: ["proxy"],
  },
] as const satisfies readonly OptionSpec[];

/** Options of every command. */
export const GENERAL_OPTIONS = [
  { name: "quiet", short: "q", summary: "don't print the connection line" },
  { name: "verbose", short: "v", summary: "log each step to stderr" },
  {
    name: "logFormat",
    value: "FORMAT",
    choices: ["text", "json"],
    rare: true,
    summary: "format of rdsiam's own log lines: text or json",
  },
  { name: "noInput", rare: true, summary: "never ask; a missing answer is an error" },
  { name: "help", short: "h", summary: "show this help" },
  { name: "version", short: "V", rare: true, summary: "show the version" },
] as const satisfies readonly OptionSpec[];
