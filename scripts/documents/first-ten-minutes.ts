// What docs/first-ten-minutes.md says, in order: a text as it is, or command lines that are run and shown with their output.

/** The steps; a list of command lines becomes one block. */
export const STEPS: readonly (string | readonly string[])[] = [
  `# The first ten minutes

From nothing to a dump of a database, with all that is printed (a terminal adds color, and a table to \`list\`). No AWS account is needed:
\`rdsiam demo\` starts a stand-in for RDS, STS and DNS on this machine, which checks auth tokens as AWS does. \`npm run transcript\` makes this
page from what the commands really print; \`…\` is what differs from one run to the next.`,

  "## Minute 0: get it",
  `With Node 20.19 or newer (other ways, a binary among them: [Install](install.md)):

<!-- needs: a release -->
\`\`\`sh
npm install --global rdsiam
\`\`\`

psql is your system's: \`apt install postgresql-client\`, or \`brew install libpq\`. Where no PostgreSQL server is installed, the demo offers to fetch one.`,

  "## Minute 1: does it work at all?",
  ["rdsiam demo -c 'select current_user, count(*) as orders from orders'"],
  `psql has logged in with an IAM auth token, over verified TLS, as the user \`app_ro\`. Nothing is left behind: server, keys and directory are gone.

To look around, open a shell beside the stand-in. What follows happens in there, and can be typed there:

\`\`\`sh
rdsiam demo -- bash
\`\`\``,

  "## Minute 2: targets",
  "A target is a profile with `rds_*` keys in `~/.aws/config`. The stand-in has some:",
  ["rdsiam list"],
  "Everything behind the target is psql's own:",
  ["rdsiam psql prod -c 'select * from revenue order by total desc'", "rdsiam psql prod -c '\\dt'"],

  "## Minute 4: things that go wrong",
  "Each error says what failed, why, and what to type:",
  [
    "rdsiam psql prdo",
    "rdsiam psql --usr app_admin prod",
    "rdsiam psql prod -h localhost",
    "rdsiam psql -U legacy prod -c 'select 1'",
  ],

  "## Minute 6: when it is not that clear",
  "`rdsiam doctor` tries each step of a login in turn:",
  ["rdsiam doctor prod"],
  "and `rdsiam policy` prints what an administrator has to allow:",
  ["rdsiam policy prod"],

  "## Minute 8: other tools",
  "`rdsiam exec` runs whatever reads the PG* variables, and a failure of the tool is a failure of the command:",
  [
    "rdsiam exec prod pg_dump -Fc -f prod.dump && pg_restore --list prod.dump | grep -c 'TABLE DATA'",
    "rdsiam exec prod psql -Atc 'select 1/0'; echo \"status $?\"",
    'rdsiam exec --database-url prod sh -c \'psql "$DATABASE_URL" -Atc "select current_database()"\'',
  ],
  "A tool that only takes a password gets a token, good for 15 minutes:",
  ["rdsiam token prod"],
  "For GUI tools, `rdsiam proxy` keeps a port open; [GUI tools](gui-tools.md).",

  "Where each setting comes from:",
  ["rdsiam show prod"],

  "## Minute 10: your own database",
  `\`rdsiam init orders\` asks for what it needs, writes the target and runs doctor. By hand: in \`~/.aws/config\`, in a profile that has credentials already, or with \`source_profile\` or \`sso_session\`:

\`\`\`ini
[profile orders]
region      = eu-west-1
rds_host    = orders.cluster-c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com
rds_user    = app_ro
rds_dbname  = orders
\`\`\`

Then, once an administrator has run what \`rdsiam policy orders\` prints:

<!-- needs: a network as on AWS -->
\`\`\`sh
rdsiam doctor orders
rdsiam psql orders
\`\`\``,
];
