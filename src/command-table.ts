// The table of commands; the cutter, cac, the help texts and the completions are made from it and from the options' table.

/** The commands of this version. */
export type CommandName = "psql" | "exec" | "token" | "list" | "discover" | "ca" | "demo";

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
  /** The word that follows the command's name: `update` in `ca update`. */
  readonly verb?: string;
  readonly examples: readonly string[];
}

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
    name: "discover",
    usage: "discover [options]",
    summary: "find the PostgreSQL databases of an AWS account",
    tail: "none",
    takesTarget: false,
    examples: [
      "rdsiam discover --profile corp --region eu-west-1",
      "rdsiam discover --all-regions --tag env=prod --user app_ro --write",
    ],
  },
  {
    name: "ca",
    usage: "ca update [options]",
    summary: "fetch AWS's current root certificates for RDS",
    tail: "none",
    takesTarget: false,
    verb: "update",
    examples: ["rdsiam ca update", "rdsiam ca update --region il-central-1"],
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
