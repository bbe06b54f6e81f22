// What docs/first-ten-minutes.md says, in order: a text as it is, or command lines that are run and shown with their output.

/** The steps; a list of command lines becomes one block. */
export const STEPS: readonly (string | readonly string[])[] = [
  `# The first ten minutes

This page takes you from nothing to a dump of a database, with the real output of each command (on a terminal there is also color, and \`list\` prints a table).
You do not need an AWS account: \`rdsiam demo\` starts a local stand-in for RDS, STS and DNS, which checks auth tokens as AWS does. In the output, \`…\`
stands for what differs from run to run.`,

  "## Minute 0: install it",
  `With Node 20.19 or newer (for binaries and package managers, see [Install](install.md)):

<!-- needs: a release -->
\`\`\`sh
npm install --global rdsiam
\`\`\`

rdsiam uses your system's psql: \`apt install postgresql-client\`, or \`brew install libpq\`. If no PostgreSQL server is installed, the demo offers to download one.`,

  "## Minute 1: does it work?",
  ["rdsiam demo -c 'select current_user, count(*) as orders from orders'"],
  `psql has logged in with an IAM auth token, over verified TLS, as the user \`app_ro\`. When the demo ends, its server, keys and files are removed.

To look around, open a shell in the demo. You can type the following commands there:

\`\`\`sh
rdsiam demo -- bash
\`\`\``,

  "## Minute 2: targets",
  "A target is a profile with `rds_*` keys in `~/.aws/config`. The demo has several:",
  ["rdsiam list"],
  "Everything after the target is passed to psql:",
  ["rdsiam psql prod -c 'select * from revenue order by total desc'", "rdsiam psql prod -c '\\dt'"],

  "## Minute 4: when something goes wrong",
  "Each error says what failed, why, and what to type:",
  [
    "rdsiam psql prdo",
    "rdsiam psql --usr app_admin prod",
    "rdsiam psql prod -h localhost",
    "rdsiam psql -U legacy prod -c 'select 1'",
  ],

  "## Minute 6: when the cause is not clear",
  "`rdsiam doctor` checks each step of a login:",
  ["rdsiam doctor prod"],
  "`rdsiam policy` prints what an administrator must allow:",
  ["rdsiam policy prod"],

  "## Minute 8: other tools",
  "`rdsiam exec` runs any tool that reads the PG* variables, and exits with the tool's status:",
  [
    "rdsiam exec prod pg_dump -Fc -f prod.dump && pg_restore --list prod.dump | grep -c 'TABLE DATA'",
    "rdsiam exec prod psql -Atc 'select 1/0'; echo \"status $?\"",
    'rdsiam exec --database-url prod sh -c \'psql "$DATABASE_URL" -Atc "select current_database()"\'',
  ],
  "For a tool that can only be given a password, print a token, which is valid for 15 minutes:",
  ["rdsiam token prod"],
  "For GUI tools, `rdsiam proxy` keeps a port open; see [GUI tools](gui-tools.md).",

  "`rdsiam show` prints where each setting comes from:",
  ["rdsiam show prod"],

  "## Minute 10: your own database",
  `\`rdsiam init orders\` asks for everything that it needs, writes the target and runs doctor. To write a target by hand, add the \`rds_*\` keys to a profile in \`~/.aws/config\` that has credentials:

\`\`\`ini
[profile orders]
region      = eu-west-1
rds_host    = orders.cluster-c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com
rds_user    = app_ro
rds_dbname  = orders
\`\`\`

Once an administrator has applied what \`rdsiam policy orders\` prints, connect:

<!-- needs: a network as on AWS -->
\`\`\`sh
rdsiam doctor orders
rdsiam psql orders
\`\`\``,
];
