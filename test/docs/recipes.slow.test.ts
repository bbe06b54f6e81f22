// npm run test:slow -- docs: the recipes of docs/recipes.md with the tools themselves, which come from npm, PyPI, Maven and Debian.
// Prisma's engine alone is in no registry.
import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { $ } from "zx";
import { installDebianPackages } from "../../scripts/debian-packages.ts";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { cleanEnvironment, rdsiam, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { blocksOf, readDocument } from "./markdown.ts";
import { makeScene, runBlock } from "./run-blocks.ts";

const DOCUMENT = "docs/recipes.md";

const POM = `<project><modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId><version>1</version><dependencies>
${[
  "org.flywaydb:flyway-commandline:11.8.2",
  "org.flywaydb:flyway-database-postgresql:11.8.2",
  "org.postgresql:postgresql:42.7.5",
  "org.liquibase:liquibase-core:4.31.1",
  "info.picocli:picocli:4.7.6",
  "com.fasterxml.jackson.dataformat:jackson-dataformat-toml:2.18.3",
  "com.fasterxml.jackson.dataformat:jackson-dataformat-xml:2.18.3",
]
  .map((each) => each.split(":"))
  .map(
    ([group, artifact, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  )
  .join("\n")}
</dependencies></project>`;

/** A tool of the guide. */
interface Recipe {
  /** Gets the tool; programs in the directory `bin` are on PATH. */
  readonly install: (bin: string) => Promise<string | undefined>;
  /** The project, by the path of each file; each makes a table `made_by_TOOL`. */
  readonly files: () => Readonly<Record<string, string>>;
}

const create = (tool: string): string => `create table made_by_${tool} (id int);\n`;

const RECIPES: Readonly<Record<string, Recipe>> = {
  Flyway: {
    install: (bin) => installJava(bin, "flyway", "org.flywaydb.commandline.Main"),
    files: () => ({ "sql/V1__first.sql": create("flyway") }),
  },
  Liquibase: {
    install: (bin) =>
      installJava(bin, "liquibase", "liquibase.integration.commandline.LiquibaseCommandLine"),
    files: () => ({
      "changelog.sql": `--liquibase formatted sql\n--changeset me:1\n${create("liquibase")}`,
    }),
  },
  Django: {
    install: async (bin) => {
      const { status, reason } = await tried("python3", ["-m", "venv", join(bin, "venv")]);
      if (!status) return reason;
      const pip = ["install", "-q", "django==5.2.*", "psycopg[binary]==3.2.*"];
      const installed = await tried(join(bin, "venv/bin/pip"), pip);
      if (!installed.status) return installed.reason;
      await script(join(bin, "python"), `exec ${join(bin, "venv/bin/python")} "$@"`);
      return undefined;
    },
    files: () => ({
      "settings.py": `import os\nSECRET_KEY = "x"\nINSTALLED_APPS = ["app"]\n${djangoSettings()}`,
      "manage.py": `import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)\n`,
      "app/__init__.py": "",
      "app/migrations/__init__.py": "",
      "app/migrations/0001_initial.py": `from django.db import migrations
class Migration(migrations.Migration):
    operations = [migrations.RunSQL("${create("django").trim()}")]\n`,
    }),
  },
  Rails: {
    install: () =>
      without("rails")
        ? installDebianPackages(["ruby-railties", "ruby-activerecord", "ruby-pg"])
        : none(),
    files: () => ({
      "bin/rails": `#!/usr/bin/env ruby\nAPP_PATH = File.expand_path("../config/application", __dir__)\nrequire "rails/commands"\n`,
      "config/application.rb": `require "logger"\nrequire "rails"\nrequire "active_record/railtie"
class App < Rails::Application\n  config.root = File.expand_path("..", __dir__)\n  config.eager_load = false\n  config.active_record.dump_schema_after_migration = false\nend\n`,
      "config/environment.rb": `require_relative "application"\nRails.application.initialize!\n`,
      "config/database.yml": `development:\n  adapter: postgresql\n  host: 127.0.0.66\n`,
      Rakefile: `require_relative "config/application"\nRails.application.load_tasks\n`,
      "db/migrate/20260101000000_first.rb": `class First < ActiveRecord::Migration[6.1]\n  def change\n    create_table :made_by_rails\n  end\nend\n`,
    }),
  },
  dbmate: {
    install: () => installNpm("dbmate@2.36.0"),
    files: () => ({
      "db/migrations/1_first.sql": `-- migrate:up\n${create("dbmate")}-- migrate:down\n`,
    }),
  },
  "node-pg-migrate": {
    install: () => installNpm("node-pg-migrate@8", "pg@8"),
    files: () => ({ "migrations/1_first.sql": create("node_pg_migrate") }),
  },
  pgloader: {
    install: async () => {
      const reason = without("pgloader", "sqlite3")
        ? await installDebianPackages(["pgloader", "sqlite3"])
        : undefined;
      if (reason !== undefined) return reason;
      const made = await tried("sqlite3", [join(project(), "things.sqlite"), create("pgloader")]);
      return made.status ? undefined : made.reason;
    },
    files: () => ({}),
  },
  Knex: {
    install: () => installNpm("knex@3", "pg@8"),
    files: () => ({
      "knexfile.js": /`(module\.exports = .*)`/.exec(readDocument(DOCUMENT))?.[1] ?? "",
      "migrations/1_first.js": `exports.up = (knex) => knex.raw(${JSON.stringify(create("knex"))});\nexports.down = () => {};\n`,
    }),
  },
};

let standIn: StandIn;
let directory = "";
before(async () => {
  standIn = await startStage();
  directory = await mkdtemp(join(tmpdir(), "rdsiam-recipes-"));
});
after(async () => {
  await standIn[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

for (const block of blocksOf(DOCUMENT)) {
  const { needs = "" } = block;
  const recipe = RECIPES[needs];
  if (recipe === undefined) continue;
  test(`${DOCUMENT}: ${needs}`, { skip: without("psql", "bash") }, async (t) => {
    const bin = join(directory, "bin");
    for (const each of [bin, project()]) await mkdir(each, { recursive: true });
    const reason = await recipe.install(bin);
    if (reason !== undefined) return t.skip(reason);
    const scene = await makeScene(standIn);
    await writeProject(recipe.files());
    const path = `${bin}:${join(project(), "node_modules/.bin")}:${scene.env["PATH"]}`;
    await runBlock({ ...scene, env: { ...scene.env, PATH: path } }, block);
    const table = `made_by_${needs.toLowerCase().replaceAll("-", "_")}`;
    const asked = await rdsiam(["psql", "admin", "-Atc", `select count(*) from ${table}`], {
      env: standIn.env,
    });
    assert.deepEqual([asked.stdout, asked.status], ["0\n", 0], asked.stderr);
  });
}

test(`${DOCUMENT}: the Makefile`, { skip: without("psql", "pg_dump", "make") }, async () => {
  const makefile = blocksOf(DOCUMENT).find(({ language }) => language === "makefile");
  await mkdir(project(), { recursive: true });
  await writeFile(join(project(), "Makefile"), `${makefile?.text}\n`);
  const { env } = await makeScene(standIn);
  const make = $({ cwd: project(), env: cleanEnvironment(env), quiet: true, input: "" });
  await make`make TARGET=admin schema.sql`;
  assert.match(
    await readFile(join(project(), "schema.sql"), "utf8"),
    /CREATE TABLE public\.orders/,
  );
  assert.match((await make`make -n psql`).stdout, /^rdsiam psql stage$/m);
});

// Where the blocks of the document run.
function project(): string {
  return join(standIn.directory, "documents", "recipes");
}

async function writeProject(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const file = join(project(), name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    if (text.startsWith("#!")) await chmod(file, 0o755);
  }
}

function djangoSettings(): string {
  const settings = blocksOf(DOCUMENT).find(({ language }) => language === "python");
  assert.ok(settings !== undefined);
  return `${settings.text}\n`;
}

// The database of the stand-in has tables already, which Flyway has to be told.
async function installJava(bin: string, name: string, main: string): Promise<string | undefined> {
  if (without("mvn")) return "mvn is not on this machine";
  await writeFile(join(directory, "pom.xml"), POM);
  const words = ["-q", "-B", "-f", join(directory, "pom.xml"), "dependency:build-classpath"];
  const file = join(directory, "classpath");
  const { status, reason } = await tried("mvn", [...words, `-Dmdep.outputFile=${file}`]);
  if (!status) return reason;
  await script(
    join(bin, name),
    `export FLYWAY_BASELINE_ON_MIGRATE=true FLYWAY_BASELINE_VERSION=0; exec java -cp '${await readFile(file, "utf8")}' ${main} "$@"`,
  );
  return undefined;
}

async function installNpm(...packages: readonly string[]): Promise<string | undefined> {
  const words = ["install", "--no-save", "--no-audit", "--no-fund", "--prefix", project()];
  const { status, reason } = await tried("npm", [...words, ...packages]);
  return status ? undefined : reason;
}

async function tried(
  file: string,
  args: readonly string[],
): Promise<{ status: boolean; reason: string }> {
  const ran = await $({
    nothrow: true,
    quiet: true,
    cwd: directory,
    env: process.env,
  })`${file} ${args}`;
  return {
    status: ran.exitCode === 0,
    reason: `${file}: ${ran.stderr.trim() || ran.stdout.trim()}`,
  };
}

async function script(file: string, line: string): Promise<void> {
  await writeFile(file, `#!/bin/sh\n${line}\n`);
  await chmod(file, 0o755);
}

async function none(): Promise<undefined> {}
