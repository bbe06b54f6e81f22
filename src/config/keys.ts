// The one table of settings: what a run can be told by an option, an environment variable or a target's key, and the default.
// The types, the checks and the reading of values, the options and their help texts, the man page, the reference and the
// completions are made from it. A setting `roleArn` is the option --role-arn, the variable RDSIAM_ROLE_ARN, the key rds_role_arn
// of an AWS profile and the key role_arn of rdsiam's own file.

import { REGION } from "../base/partitions.ts";
import { keyOf } from "./names.ts";
import type { Setting } from "./setting.ts";
import {
  COLOR,
  COMMAND,
  DNS_SERVERS,
  FILES,
  HOST,
  integer,
  matching,
  NAMES,
  ON_OFF,
  SECRET,
  TAGS,
  TEXT,
  TUNNEL,
  type ValueType,
  YES_NO,
} from "./value-types.ts";

/** The commands that end at one database. */
const ON_DATABASE = [
  "psql",
  "exec",
  "proxy",
  "token",
  "url",
  "env",
  "show",
  "init",
  "doctor",
  "policy",
  "setup",
];

/** The commands that call AWS with credentials. */
const ON_AWS = [...ON_DATABASE, "discover", "relay"];
const ON_LOGIN = [...ON_AWS, "login"];

/** The commands that open the proxy. */
export const ON_PROXY: readonly string[] = ["psql", "exec", "proxy"];

/** Every setting, in the order of the help texts. */
export const SETTINGS = {
  host: {
    summary: "the database, instead of the target's rds_host",
    about:
      "The database: an RDS endpoint, or a name that resolves to one through CNAMEs; HOST or HOST:PORT.",
    type: HOST,
    option: { group: "Database", value: "HOST[:PORT]", completes: "host", commands: ON_DATABASE },
    synonym: "hostname",
  },
  port: {
    summary: "the database's port (default: 5432)",
    type: integer(1, 65_535),
    default: 5432,
    option: "the port belongs to the host: --host HOST:PORT; --port is the local port",
    noVariable: "RDSIAM_PORT is the variable of --port",
  },
  user: {
    summary: "database user",
    type: TEXT,
    option: {
      group: "Database",
      short: "U",
      value: "USER",
      commands: [...ON_DATABASE, "discover"],
    },
    synonym: "username",
  },
  dbname: {
    summary: "database name",
    about: "The database name (default: the user name, as in libpq).",
    type: TEXT,
    option: { group: "Database", short: "d", value: "DB", commands: ON_DATABASE },
    synonym: "database",
  },
  via: {
    summary: "how to reach it: ssm, ssh://..., HOST:PORT",
    about:
      "How to reach the database if it cannot be dialed directly: ssm, ssh://..., HOST:PORT and others (docs/tunnels.md).",
    type: TUNNEL,
    option: {
      group: "Database",
      value: "WHERE",
      completes: "tunnel",
      commands: [...ON_PROXY, "url", "env", "show", "init", "doctor", "setup"],
    },
    secret: true,
  },
  ssmSessions: {
    summary: "concurrent Systems Manager sessions (default: 8)",
    about:
      "How many sessions a tunnel through Systems Manager may have at once, 1 to 32 (default: 8). rdsiam opens one per connection, " +
      "because an agent sends no more than 1 MB/s through a session; further connections share them.",
    type: integer(1, 32),
    default: 8,
    option: { group: "Database", rare: true, value: "N", commands: ON_PROXY },
  },
  ssmPlugin: {
    summary: "use AWS's session-manager-plugin for Systems Manager",
    about:
      "yes: a tunnel through Systems Manager uses AWS's session-manager-plugin, which must be installed, instead of rdsiam's own code.",
    type: YES_NO,
    default: false,
    option: "it depends on the machine, not on the run",
  },
  signHost: {
    summary: "the RDS endpoint that the host stands for",
    about:
      "The RDS endpoint that the host stands for, if no CNAME points to it; HOST or HOST:PORT.",
    type: HOST,
    option: {
      group: "Database",
      rare: true,
      value: "HOST[:PORT]",
      completes: "host",
      commands: ON_DATABASE,
    },
  },
  strictHost: {
    summary: "fail if the host points to a different database",
    about:
      "yes: fail if the host points to a different database than before; no: only warn. By default, a different account or " +
      "Region is an error, and a different database of the same account is a warning.",
    type: YES_NO,
    option: { group: "Database", rare: true, value: "no", bare: "yes", commands: ON_DATABASE },
  },
  readOnly: {
    summary: "start sessions as default_transaction_read_only",
    about:
      "yes: every session starts with default_transaction_read_only. This guards against mistakes, not against intent.",
    type: YES_NO,
    default: false,
    option: { group: "Database", commands: [...ON_PROXY, "show", "init"] },
  },
  sslrootcert: {
    summary: "comma-separated CA bundles to trust",
    about:
      "The CA bundles to trust instead of the built-in ones: comma-separated files and directories, or system.",
    type: FILES,
    option: {
      group: "Database",
      rare: true,
      value: "FILE|DIR|system",
      completes: "file",
      commands: ON_DATABASE,
    },
  },
  tlsNegotiation: {
    summary: "how TLS begins: auto, direct or postgres",
    about:
      "How TLS with the database begins: postgres sends an SSLRequest first, direct begins at once, which saves a round trip " +
      "per login, and auto begins at once if the server is known to support that: Aurora DSQL, and PostgreSQL 17 or newer " +
      "after the first login there.",
    type: matching(/^(?:auto|direct|postgres)$/, "must be auto, direct or postgres"),
    default: "auto",
    option: "it depends on the database's server, not on the run",
  },
  passwordCommand: {
    summary: "log in with what CMD prints, instead of IAM",
    about: "A shell command that prints the password for a login, which is used instead of IAM.",
    type: COMMAND,
    option: { group: "Database", value: "CMD", commands: [...ON_PROXY, "show", "init", "doctor"] },
    secret: true,
  },
  secret: {
    summary: "log in with a secret in AWS Secrets Manager",
    about:
      "The secret in AWS Secrets Manager to log in with instead of IAM: its ARN, its name, or auto for the master user's secret, " +
      "which RDS manages. Host, port, user and database come from the secret if they are not set elsewhere.",
    type: SECRET,
    option: {
      group: "Database",
      value: "ARN|NAME|auto",
      commands: [...ON_PROXY, "show", "init", "doctor"],
    },
  },
  connectTimeout: {
    summary: "seconds to connect to the database (default: 10)",
    type: integer(1, 3_600),
    default: 10,
    option: "it depends on the database's network, not on the run",
  },
  localPort: {
    summary: "the local port of the proxy (default: 0, any free one)",
    type: integer(0, 65_535),
    option: "--port, which the commands with a proxy read themselves",
    noVariable: "RDSIAM_PORT, the variable of --port",
  },
  applicationName: {
    summary: "the session's application_name, if the tool sets none",
    type: TEXT,
    option: "PGAPPNAME is the tool's own",
  },
  dsqlDialect: {
    summary: "accept what Aurora DSQL refuses and what would change nothing",
    about:
      "on: statements and settings that Aurora DSQL refuses, but that would change nothing there, succeed (SET of a setting that " +
      "it does not have, SET TRANSACTION, LOCK TABLE, set_config); off: DSQL receives them, and refuses them.",
    type: ON_OFF,
    default: true,
    option: "it depends on the database's tools, not on the run",
  },
  redshift: {
    summary: "the Redshift cluster behind a host that does not name it",
    about:
      "The Amazon Redshift cluster (NAME) or workgroup (workgroup/NAME) behind a host whose name does not contain it: a custom " +
      "domain, or an endpoint that Redshift manages in another VPC.",
    type: matching(/^(?:workgroup\/)?[a-z][a-z0-9-]*$/, "must be NAME or workgroup/NAME"),
    option: "it depends on the database's host, not on the run",
    noVariable: "it belongs to a target's host",
  },
  dbGroups: {
    summary: "comma-separated groups that the Redshift user joins",
    about:
      "The comma-separated groups that a user of a Redshift cluster joins for its sessions; only with rds_user.",
    type: NAMES,
    default: [],
    option: "they belong to the database's user, not to the run",
    noVariable: "they belong to a target's user",
  },
  color: {
    summary: "the color of psql's prompt and of the target's name",
    about:
      "The color of psql's prompt, of the connection line, and of the target's name in the picker: black, red, green, yellow, " +
      "blue, magenta, cyan or white. A prompt that psqlrc sets takes precedence.",
    type: COLOR,
    option: "it is the target's, to be seen before a slip",
    noVariable: "a color of the shell would be that of every target",
  },
  dnsServers: {
    summary: "comma-separated DNS servers for the host, IP or IP:PORT each",
    type: DNS_SERVERS,
    default: [],
    option: "they depend on the database's network, not on the run",
  },
  tags: {
    summary: "tags for exec --tag: KEY=VALUE, comma-separated",
    type: TAGS,
    default: [],
    option: "they describe the target, not a run; --tag looks for them",
    noVariable: "they describe the target, not a run",
  },
  profile: {
    summary: "AWS profile for the credentials",
    type: TEXT,
    option: { group: "AWS", value: "NAME", completes: "profile", commands: ON_LOGIN },
    noKey: "a key of rdsiam's own file alone; in AWS's files the profile is the target itself",
  },
  region: {
    summary: "the database's Region, if its name has none",
    type: matching(REGION, "is not a valid AWS Region"),
    option: { group: "AWS", value: "REGION", completes: "region", commands: ON_DATABASE },
  },
  roleArn: {
    summary: "role to assume on top of the profile's credentials",
    type: matching(
      /^arn:[\w-]+:iam::\d{12}:role\/\S+$/,
      "is not a valid role ARN (arn:aws:iam::ACCOUNT:role/NAME)",
    ),
    option: { group: "AWS", value: "ARN", commands: ON_AWS },
  },
  // https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html gives these limits.
  roleSessionName: {
    summary: "session name for that role (default: rdsiam-USER)",
    type: matching(/^[\w+=,.@-]{2,64}$/, "must be 2 to 64 letters, digits or +=,.@-_"),
    option: { group: "AWS", rare: true, value: "NAME", commands: ON_AWS },
  },
  externalId: {
    summary: "external ID for that role",
    type: matching(/^[\w+=,.@:/-]{2,1224}$/, "must be 2 to 1224 letters, digits or +=,.@:/-_"),
    option: { group: "AWS", rare: true, value: "ID", commands: ON_AWS },
  },
  durationSeconds: {
    summary: "requested lifetime of that role's credentials",
    about: "The requested lifetime of that role's credentials, 900 to 43200 seconds.",
    type: integer(900, 43_200),
    option: { group: "AWS", rare: true, value: "N", commands: ON_AWS },
  },
  mfaSerial: {
    summary: "MFA device for that role",
    type: matching(
      /^[\w+=/:,.@-]{9,256}$/,
      "is not a valid MFA device (arn:aws:iam::ACCOUNT:mfa/NAME, or a serial number)",
    ),
    option: { group: "AWS", rare: true, value: "ARN", commands: ON_AWS },
  },
  mfaCode: {
    summary: "MFA code, if there is no terminal to ask on",
    type: matching(
      /^\d{6}$/,
      "must be the six digits that the MFA device shows, leading zeros included",
    ),
    option: { group: "AWS", rare: true, value: "CODE", commands: ON_AWS },
    noKey: "a code in a file is older than 30 seconds",
    secret: true,
  },
  cache: {
    summary: "don't use the AWS CLI's credential cache",
    about: "on, or off to not use the AWS CLI's credential cache.",
    type: ON_OFF,
    default: true,
    option: { group: "AWS", rare: true, name: "noCache", commands: ON_AWS },
    noVariable: "RDSIAM_NO_CACHE is the variable of --no-cache",
  },
  discover: {
    summary: "look for unknown targets in the AWS account",
    about:
      "on: if a target is not in any file, look for it among the account's instances and clusters; off: do not. " +
      "This key belongs to the profile whose credentials are used to look.",
    type: ON_OFF,
    default: true,
    option: "it depends on the machine and the account, not on the run",
  },
  awsTimeout: {
    summary: "timeout of each call to AWS (default: 15)",
    about: "Seconds for one call to AWS, including its retry (default: 15).",
    type: integer(1, 3_600),
    option: { group: "AWS", rare: true, value: "SECONDS", commands: ON_LOGIN },
  },
} as const satisfies Readonly<Record<string, Setting>>;

type Table = typeof SETTINGS;

/** The name of a setting, as in the types below. */
export type SettingName = keyof Table;

type Value<N extends SettingName> =
  Table[N]["type"] extends ValueType<infer T> ? Exclude<T, undefined> : never;

type WithDefault = {
  [N in SettingName]: Table[N] extends { readonly default: unknown } ? N : never;
}[SettingName];

/** The values of settings where nothing has to be set, as in a target. */
export type PartialValues = { readonly [N in SettingName]?: Value<N> | undefined };

/** The values of settings with the defaults. */
export type SettingValues = Omit<PartialValues, WithDefault> & {
  readonly [N in WithDefault]: Value<N>;
};

type OptionOf<N extends SettingName> = Table[N]["option"] extends {
  readonly name: infer O extends string;
}
  ? O
  : Table[N]["option"] extends string
    ? never
    : N;

/** The options of a command line that are settings: values as the exact strings that were typed. */
export type OptionValues = {
  readonly [N in SettingName as OptionOf<N>]?:
    | (Table[N]["option"] extends { readonly value: string } ? string : boolean)
    | undefined;
};

/** The names of all settings. */
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** The settings by the keys of a target, synonyms included, without the prefix `rds_`. */
export const KEYS: ReadonlyMap<string, SettingName> = new Map(
  SETTING_NAMES.flatMap((name) => {
    const { noKey, synonym }: Setting = SETTINGS[name];
    if (noKey !== undefined) return [];
    const key = [keyOf(name), name] as const;
    return synonym === undefined ? [key] : [key, [synonym, name] as const];
  }),
);

/** What is wrong with a setting's text, as the end of a sentence; undefined when it is valid. */
export function valueProblem(name: SettingName, text: string): string | undefined {
  return text === "" ? "is empty" : SETTINGS[name].type.problem(text);
}
