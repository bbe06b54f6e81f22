// The drivers that are tried through rdsiam: how each script is started, and how its driver gets onto this machine.
// A driver comes from npm (a devDependency of the project), from Debian, or as a Go module (go/go.mod); nothing is installed unless asked.

import { join } from "node:path";
import process from "node:process";
import { $, which } from "zx";
import { installDebianPackages } from "../../scripts/debian-packages.ts";

/** One driver. */
export interface Driver {
  readonly name: string;
  /** Ends with 0 when the driver is on this machine. */
  readonly probe: readonly string[];
  /** Makes it so; answers the reason when it cannot. */
  readonly install: () => Promise<string | undefined>;
  /** Made before the first run, in a directory of its own; undefined for a script that needs no compiler. */
  readonly compile?: (directory: string) => readonly string[];
  /** What is run; the directory is the one that compile() was given. */
  readonly command: (directory: string) => readonly string[];
}

const HERE = import.meta.dirname;
const GO = join(HERE, "go");
// Debian's packages belong to Debian's interpreter, which need not be the first on PATH.
const PYTHON = "/usr/bin/python3";
const JAR = "/usr/share/java/postgresql.jar";

/** Every driver, in the order of the table. */
export const DRIVERS: readonly Driver[] = [
  npmDriver("node-postgres", ["pg", "pg-copy-streams"]),
  npmDriver("postgres-js", ["postgres"]),
  pythonDriver("psycopg2", "python3-psycopg2"),
  pythonDriver("psycopg", "python3-psycopg"),
  pythonDriver("asyncpg", "python3-asyncpg"),
  {
    name: "pgjdbc",
    probe: ["sh", "-c", `javac -version && test -e ${JAR}`],
    install: () => installDebianPackages(["default-jdk-headless", "libpostgresql-jdbc-java"]),
    compile: (directory) => ["javac", "-cp", JAR, "-d", directory, join(HERE, "Pgjdbc.java")],
    command: (directory) => ["java", "-cp", `${JAR}:${directory}`, "Pgjdbc"],
  },
  goDriver("lib/pq", "libpq"),
  goDriver("pgx", "pgx"),
  {
    name: "ruby-pg",
    probe: ["ruby", "-e", "require 'pg'"],
    install: () => installDebianPackages(["ruby", "ruby-pg"]),
    command: () => ["ruby", join(HERE, "pg_driver.rb")],
  },
  {
    name: "php-pgsql",
    probe: ["php", "-r", "exit(function_exists('pg_connect') ? 0 : 1);"],
    install: () => installDebianPackages(["php-cli", "php-pgsql"]),
    command: () => ["php", join(HERE, "pgsql_driver.php")],
  },
  {
    name: "DBD::Pg",
    probe: ["/usr/bin/perl", "-MDBD::Pg", "-e", "1"],
    install: () => installDebianPackages(["libdbd-pg-perl"]),
    command: () => ["/usr/bin/perl", join(HERE, "dbd_pg.pl")],
  },
  {
    name: "pgcli",
    probe: ["pgcli", "--version"],
    install: () => installDebianPackages(["pgcli"]),
    command: () => ["sh", join(HERE, "pgcli.sh")],
  },
];

/** Sees to a driver, by installing it where that is allowed; undefined when it can run, else the reason why not. */
export async function prepare(
  driver: Driver,
  directory: string,
  { installs = true } = {},
): Promise<string | undefined> {
  if (!(await isThere(driver))) {
    if (!installs) return `${driver.name} is not on this machine`;
    const reason = await driver.install();
    if (reason !== undefined) return reason;
    if (!(await isThere(driver))) return `it is not there after its installation`;
  }
  const words = driver.compile?.(directory);
  if (words === undefined) return undefined;
  const compiled = await $({ nothrow: true, quiet: true, cwd: GO })`${words}`;
  return compiled.exitCode === 0 ? undefined : `${words[0]}: ${compiled.stderr.trim()}`;
}

async function isThere(driver: Driver): Promise<boolean> {
  const [program = ""] = driver.probe;
  if ((await which(program, { nothrow: true })) === null) return false;
  const probe = await $({ nothrow: true, quiet: true, cwd: HERE })`${driver.probe}`;
  return probe.exitCode === 0;
}

function npmDriver(name: string, packages: readonly string[]): Driver {
  const script = packages.map((one) => `import "${one}";`).join(" ");
  return {
    name,
    probe: [process.execPath, "--input-type=module", "-e", script],
    install: async () => "npm ci installs it",
    command: () => [process.execPath, join(HERE, `${name}.mjs`)],
  };
}

function pythonDriver(name: string, debianPackage: string): Driver {
  return {
    name,
    probe: [PYTHON, "-c", `import ${name}`],
    install: () => installDebianPackages(["python3", debianPackage]),
    command: () => [PYTHON, "-u", join(HERE, `${name}_driver.py`)],
  };
}

function goDriver(name: string, directory: string): Driver {
  return {
    name,
    probe: ["go", "version"],
    install: () => installDebianPackages(["golang-go"]),
    compile: (target) => ["go", "build", "-o", join(target, directory), `./${directory}`],
    command: (target) => [join(target, directory)],
  };
}
