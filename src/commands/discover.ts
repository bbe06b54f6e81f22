// `rdsiam discover`: the PostgreSQL databases of an AWS account, as target sections to paste or to add.
// What can be listed is listed: a missing permission or a throttled call is a warning; only if every call fails it is an error.
// A database that is a target already, or that has IAM authentication off, is shown as a comment: the sections can be pasted
// as they are.
import { countText } from "../base/count.ts";
import { defaultPort } from "../base/redshift.ts";
import { printableJson } from "../base/printable.ts";
import type { Discovery } from "../aws/discover.ts";
import type { FoundDatabase } from "../aws/found-database.ts";
import { unknownProfile } from "../aws/profile-errors.ts";
import { hasTag, readTag, type TagPattern } from "../aws/tags.ts";
import { type Account, openAccount } from "../session/account.ts";
import { RdsIamError } from "../base/errors.ts";
import { type Invocation, isOn, optionList } from "../cli/options.ts";
import { appendSections, formatSection } from "../config/add-targets.ts";
import type { LoadedTargets } from "../config/targets.ts";
import { databaseLines, describeDatabase } from "../session/database-section.ts";
import { normalizeHost } from "../rds/endpoint.ts";
import { loadConfiguration } from "../session/settings.ts";
import type { RunContext } from "../base/context.ts";

const REGIONS_AT_ONCE = 4;

/** A database that was found, under the name that its target has or would have. */
interface NamedDatabase {
  readonly name: string;
  readonly database: FoundDatabase;
  /** The target that it is already. */
  readonly target: string | undefined;
  readonly localPort: number | undefined;
}

// Tags that say what a target has; those of rds-auth-proxy mean the same there.
const DBNAME_TAGS = ["rdsiam:dbname", "rdsiam:db-name", "rds-auth-proxy:db-name"];
const LOCAL_PORT_TAGS = ["rdsiam:local-port", "rdsiam:local_port", "rds-auth-proxy:local-port"];

/** What the sections have in common. */
interface SectionOptions {
  readonly profile: string | undefined;
  readonly user: string | undefined;
  /** What was looked for, which goes into the sections. */
  readonly tags: readonly TagPattern[];
}

/** Lists databases as sections, or with --json as an array; --write adds those that are new to our own file. */
export async function runDiscover(context: RunContext, invocation: Invocation): Promise<number> {
  const { options } = invocation;
  const loaded = loadConfiguration(context);
  const account = await openAccount(context, { options, loaded });
  const tags = optionList(invocation, context.env, "tag").map(readTag);
  const { profile } = account;
  if (profile !== undefined && !loaded.aws.profiles.has(profile)) {
    throw unknownProfile(profile, loaded.aws);
  }
  const regions = await chooseRegions(context, invocation, account);
  const wanted = await search(context, { account, regions, tags });
  const databases = nameDatabases(context, wanted, loaded);
  const user = options.user ?? (context.env["RDSIAM_USER"] || undefined);
  const how = { profile, user, tags };
  const added = databases.filter(({ database, target }) => database.iam && target === undefined);
  const isWritten = isOn(options, context.env, "write");
  if (isWritten && added.length > 0) {
    await appendSections(
      loaded.own.path,
      added.map((each) => sectionOf(each, how)),
    );
  }
  if (isOn(options, context.env, "json")) {
    const rows = databases.map(({ database, localPort, name, target }) => ({
      ...database,
      name,
      localPort,
      // Its own come first, and take precedence here.
      tags: database.tags && Object.fromEntries(database.tags.toReversed().flatMap(Object.entries)),
      target,
    }));
    context.print(printableJson(rows, 2));
  } else {
    const shown = isWritten ? added : databases;
    const texts = shown.map((each) => sectionText(each, how));
    if (texts.length > 0) context.print(texts.join("\n").trimEnd());
  }
  printCounts(context, { databases, file: isWritten ? loaded.own.path : undefined });
  return 0;
}

async function chooseRegions(
  context: RunContext,
  invocation: Invocation,
  account: Account,
): Promise<readonly string[]> {
  const given = optionList(invocation, context.env, "region");
  const bad = given.find((region) => !/^[a-z]+(-[a-z0-9]+)+$/.test(region));
  if (bad !== undefined) {
    throw new RdsIamError(`"${bad}" is not a valid AWS Region`, { code: "ERR_USAGE" });
  }
  const first = given[0] ?? account.region;
  if (first === undefined) {
    throw new RdsIamError("no Region to search", {
      code: "ERR_REGION",
      detail: "Neither --region nor AWS_REGION nor the profile has one.",
      hint: "Add --region REGION (also needed with --all-regions: that Region returns the list of the others).",
    });
  }
  if (!isOn(invocation.options, context.env, "allRegions"))
    return given.length > 0 ? [...new Set(given)] : [first];
  const { listRegions } = await import("../aws/discover.ts");
  return listRegions(account.callerIn(first));
}

interface DiscoverSearch {
  readonly account: Account;
  readonly regions: readonly string[];
  readonly tags: readonly TagPattern[];
}

async function search(
  { log }: RunContext,
  { account, regions, tags }: DiscoverSearch,
): Promise<readonly FoundDatabase[]> {
  const { discoverDatabases } = await import("../aws/discover.ts");
  const withTags = tags.length > 0;
  const results: Discovery[] = [];
  const todo = regions.entries();
  const work = async (): Promise<void> => {
    for (const [index, region] of todo) {
      results[index] = await discoverDatabases(account.callerIn(region), {
        withOthers: true,
        withTags,
      });
      log.verbose(`${region}: ${countText(results[index].databases.length, "endpoint")}`);
    }
  };
  await Promise.all(Array.from({ length: REGIONS_AT_ONCE }, work));
  const failures = results.flatMap((result) => result.failures);
  const [first] = failures;
  if (first !== undefined && results.every(({ calls }) => calls === 0)) throw first.error;
  const problems = new Map<string, Error>();
  for (const { kind, error } of failures) {
    // Among all Regions are those that the account has not opted in to.
    const isNormal = kind === "absent" || (kind === "disabled" && regions.length > 1);
    if (isNormal) log.verbose(error.message);
    else problems.set(error.message, error);
  }
  const databases = results
    .flatMap((result) => result.databases)
    .filter(({ tags: own }) => tags.every((tag) => hasTag(own, tag)));
  // What could not be listed may have what was looked for.
  const [problem] = problems.values();
  if (databases.length === 0 && problem !== undefined) throw problem;
  for (const [message, error] of problems) {
    log.warning({ message, hint: error instanceof RdsIamError ? error.hint : undefined });
  }
  return databases;
}

function printCounts(
  { log }: RunContext,
  result: { readonly databases: readonly NamedDatabase[]; readonly file: string | undefined },
): void {
  const { databases, file } = result;
  const there = databases.filter(({ target }) => target !== undefined).length;
  const off = databases.filter(
    ({ database, target }) => !database.iam && target === undefined,
  ).length;
  const fresh = databases.length - there - off;
  const rest = `${there} already known, ${off} with IAM authentication off`;
  if (file !== undefined)
    log.always(`rdsiam: ${countText(fresh, "target")} added to ${file}; ${rest}`);
  else if (databases.length === 0) log.always("rdsiam: no PostgreSQL databases found");
  else
    log.notice(
      `${countText(fresh, "new endpoint")}, ${rest}; add --write to add them to the configuration`,
    );
}

/** Names databases: by their identifier, with the Region or a number behind it where that is taken. */
function nameDatabases(
  { log }: RunContext,
  databases: readonly FoundDatabase[],
  loaded: LoadedTargets,
): NamedDatabase[] {
  const taken = new Set([...loaded.targets.keys(), ...loaded.aws.profiles.keys()]);
  const byAddress = new Map<string, string>();
  for (const { name, host, port, redshift } of loaded.targets.values()) {
    if (host !== undefined)
      byAddress.set(addressOf(host, port ?? defaultPort(host, redshift)), name);
  }
  const ports = new Set<number>();
  return databases.map((database) => {
    const target = byAddress.get(addressOf(database.host, database.port));
    const name = target ?? freeName(database, taken);
    taken.add(name);
    const [, dbname = database.dbname] = findTag(database, DBNAME_TAGS) ?? [];
    const [key, value = ""] = findTag(database, LOCAL_PORT_TAGS) ?? [];
    const localPort = /^[1-9]\d{0,4}$/.test(value) && Number(value) <= 65_535 ? Number(value) : 0;
    if (key !== undefined && localPort === 0) {
      log.warning({ message: `${key} of ${name} is not a valid port: ${JSON.stringify(value)}` });
    }
    // Members have their cluster's tags, and one port is for one target: the cluster comes first.
    const isFree = localPort !== 0 && !ports.has(localPort);
    ports.add(localPort);
    return {
      name,
      database: { ...database, dbname },
      target,
      localPort: isFree ? localPort : undefined,
    };
  });
}

// The first of these tags that a database has, its own before those of its cluster.
function findTag(
  { tags = [] }: FoundDatabase,
  keys: readonly string[],
): readonly [key: string, value: string] | undefined {
  for (const own of tags) {
    const key = keys.find((each) => Object.hasOwn(own, each));
    const value = key === undefined ? undefined : own[key];
    if (key !== undefined && value !== undefined) return [key, value];
  }
  return undefined;
}

function addressOf(host: string, port: number): string {
  return `${normalizeHost(host)}:${port}`;
}

function freeName({ name, region }: FoundDatabase, taken: ReadonlySet<string>): string {
  const inRegion = `${name}-${region}`;
  let free = taken.has(name) ? inRegion : name;
  for (let count = 2; taken.has(free); count += 1) free = `${inRegion}-${count}`;
  return free;
}

/** The section of a database, as it stands in the configuration file. */
function sectionOf(named: NamedDatabase, options: SectionOptions): string {
  const lines = [...databaseLines(named.database, options)];
  if (named.localPort !== undefined) lines.push(["local_port", String(named.localPort)]);
  const tags = tagsOf(named.database, options.tags);
  if (tags !== "") lines.push(["tags", tags]);
  return formatSection({ name: named.name, lines });
}

// Those with a value that a list can hold; --tag KEY has that of the database itself, which comes first.
function tagsOf({ tags = [] }: FoundDatabase, wanted: readonly TagPattern[]): string {
  return wanted
    .flatMap(({ key, value }) => {
      const found = value ?? tags.find((own) => Object.hasOwn(own, key))?.[key];
      return found === undefined || found.includes(",") ? [] : [`${key}=${found}`];
    })
    .join(",");
}

/** The section of a database to show: with a hash before each line where it is not for pasting. */
function sectionText(named: NamedDatabase, options: SectionOptions): string {
  const { database, name, target } = named;
  if (target !== undefined) {
    return `# [${name}] is a target already: ${database.host} (${describeDatabase(database)})\n`;
  }
  const section = sectionOf(named, options);
  return database.iam ? section : section.replaceAll(/^(?=.)/gm, "# ");
}
