// The table of commands, each with the loader of its modules. Splitter, cac, help texts, man page, reference and completions are
// made from it and from the table of options. Loaders are dynamic imports, so that esbuild makes a chunk of each.
import type { CommandSpec } from "../cli/options.ts";

/** Every command, in the order of the help text. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: "psql",
    load: async () => (await import("./psql.ts")).runPsql,
    usage: "psql [options] [TARGET] [psql arguments...]",
    summary: "open psql on a target",
    tail: "after target",
    takesTarget: true,
    examples: ["rdsiam psql prod", "rdsiam psql prod -c 'select current_user'"],
    details: [
      "psql's own options follow the target; its files (psqlrc, history) are its usual ones. Arguments that would bypass the proxy (-h, -p, a conninfo with host, hostaddr, port or service) are refused with what to write instead.",
    ],
  },
  {
    name: "exec",
    load: async () => (await import("./exec.ts")).runExec,
    usage: "exec [options] [TARGET] [--] COMMAND [arguments...]",
    summary: "run any PostgreSQL tool on a target",
    tail: "after target",
    takesTarget: true,
    examples: [
      "rdsiam exec prod pg_dump -Fc -f prod.dump",
      "AWS_PROFILE=prod rdsiam exec -- pg_dump -s",
      "rdsiam exec --database-url prod npx prisma migrate status",
      "rdsiam exec --target src=prod --target dst=stage -- ./compare.sh",
    ],
    details: [
      "The tool finds the proxy in PGHOST, PGPORT, PGUSER, PGDATABASE and PGPASSWORD, a random secret of this run.",
      "--database-url is for tools that read a URL from a variable: it holds that secret. --template fills in {host} {port} {user} {dbname} {url} in the arguments, for JDBC and others; every user of the machine can read those, so the secret is not among them and {url} has no password: PGPASSWORD has it.",
      "With --target NAME=TARGET, once for each database, every variable has NAME_ in front, in upper case: SRC_PGHOST, SRC_PGPORT, SRC_PGUSER, SRC_PGDATABASE, SRC_PGPASSWORD, SRC_PGSSLMODE, SRC_URL; --template knows {src.host}. PGHOST and the others are then set for a --target TARGET without a name, and for none otherwise.",
    ],
  },
  {
    name: "proxy",
    load: async () => (await import("./proxy.ts")).runProxy,
    usage: "proxy [options] [TARGET...]",
    summary: "keep a proxy open for GUI tools, services and containers",
    tail: "targets",
    takesTarget: true,
    examples: ["rdsiam proxy prod --port 6432", "rdsiam proxy orders users --port 6432 --json"],
  },
  {
    name: "token",
    load: async () => (await import("./token.ts")).runToken,
    usage: "token [options] [TARGET]",
    summary: "print an auth token for tools that take a password (valid 15 min)",
    tail: "none",
    takesTarget: true,
    examples: [
      "rdsiam token prod",
      "rdsiam token --host db1.abc.eu-west-1.rds.amazonaws.com --user app_ro",
    ],
  },
  {
    name: "url",
    load: async () => (await import("./url.ts")).runUrl,
    usage: "url [options] [TARGET]",
    summary: "print a URL for a direct connection (valid 15 min)",
    tail: "none",
    takesTarget: true,
    examples: ['export DATABASE_URL="$(rdsiam url prod)"', "rdsiam url --user admin prod"],
    details: [
      "The auth token is its password, and TLS is verified in full.",
      "Keep it in a variable: every user of the machine can read a command line.",
      "For anything that lives longer than 15 minutes: rdsiam proxy or rdsiam exec.",
    ],
  },
  {
    name: "env",
    load: async () => (await import("./env.ts")).runEnv,
    usage: "env [options] [TARGET]",
    summary: "print PG* variables for a direct connection (valid 15 min)",
    tail: "none",
    takesTarget: true,
    examples: ['eval "$(rdsiam env prod)"', "rdsiam env prod --shell fish | source"],
    details: [
      "PGPASSWORD is the auth token itself, and TLS is verified in full.",
      "--unset prints the commands that unset the variables.",
    ],
  },
  {
    name: "list",
    load: async () => (await import("./list.ts")).runList,
    usage: "list [options]",
    summary: "list the targets in the configuration",
    tail: "none",
    takesTarget: false,
    examples: ["rdsiam list", "rdsiam list --json"],
  },
  {
    name: "doctor",
    load: async () => (await import("./doctor.ts")).runDoctor,
    usage: "doctor [options] [TARGET]",
    summary: "check every step of a login; explain failures and how to fix them",
    tail: "none",
    takesTarget: true,
    examples: ["rdsiam doctor prod", "rdsiam doctor prod --json"],
    details: [
      "Exit status 0 when every step works, 1 when one fails.",
      "Steps that do not depend on a failed one still run.",
    ],
  },
  {
    name: "policy",
    load: async () => (await import("./policy.ts")).runPolicy,
    usage: "policy [options] [TARGET]",
    summary: "print the minimal IAM policy and the GRANTs that a login needs",
    tail: "none",
    takesTarget: true,
    examples: ["rdsiam policy prod", "rdsiam policy prod --json > policy.json"],
    details: [
      "Account and resource id come from STS and the RDS API, where the credentials allow it.",
    ],
  },
  {
    name: "discover",
    load: async () => (await import("./discover.ts")).runDiscover,
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
    load: async () => (await import("./ca.ts")).runCaUpdate,
    usage: "ca update [options]",
    summary: "fetch AWS's current root certificates for RDS",
    tail: "none",
    takesTarget: false,
    verb: "update",
    examples: ["rdsiam ca update", "rdsiam ca update --region il-central-1"],
  },
  {
    name: "completion",
    load: async () => {
      const { runCompletion } = await import("./completion.ts");
      return (context, invocation) => runCompletion(context, invocation, COMMANDS);
    },
    usage: "completion [options] [bash|zsh|fish]",
    summary: "print the completion script for a shell, or install it",
    tail: "none",
    takesTarget: false,
    choices: ["bash", "zsh", "fish"],
    examples: ["rdsiam completion --install", "source <(rdsiam completion bash)"],
    details: [
      "Without an argument, the shell is the one in SHELL. --install writes the script where the shell looks for a user's own, and prints what else there is to do.",
      "It completes commands, options, values and targets; after the target the tool's own completion takes over, and is kept from asking a local server for names.",
    ],
  },
  {
    name: "relay",
    load: async () => (await import("./relay.ts")).runRelay,
    usage: "relay [options]",
    summary: "run in the VPC and forward authorized clients to its databases",
    tail: "none",
    takesTarget: false,
    examples: [
      "rdsiam relay --config relay.ini --tls-cert tls.crt --tls-key tls.key",
      "rdsiam psql --via relay://relay.example.com:8443 prod",
    ],
    details: [
      "The TLS session with the database is end to end: the relay sees neither token nor data.",
      "Clients prove an AWS identity, a client certificate, or both; the file lists who may reach which database.",
      "SIGTERM lets open sessions finish; a second one ends them.",
    ],
  },
  {
    name: "demo",
    load: async () => (await import("./demo.ts")).runDemo,
    usage: "demo [options] [psql arguments...] | demo -- COMMAND [arguments...]",
    summary: "try it on a local stand-in (fake RDS), no AWS account needed",
    tail: "demo",
    takesTarget: false,
    examples: [
      "rdsiam demo",
      "rdsiam demo -c 'select current_user'",
      "rdsiam demo -- rdsiam exec prod pg_dump -s",
    ],
  },
];
