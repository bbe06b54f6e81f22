// Makes targets of the databases that were found: a name for each that nobody has yet, and the section to paste.
// A database that is a target already, or that has IAM authentication off, is shown as a comment: the sections can be
// pasted as they are.
import type { FoundDatabase } from "../aws/discover.ts";
import { formatSection, type NewSection } from "../config/add-targets.ts";
import type { LoadedTargets } from "../config/targets.ts";

/** A database that was found, under the name that its target has or would have. */
export interface NamedDatabase {
  readonly name: string;
  readonly database: FoundDatabase;
  /** The target that it is already. */
  readonly target: string | undefined;
}

/** What the sections have in common. */
export interface SectionOptions {
  readonly profile: string | undefined;
  readonly user: string | undefined;
}

/** Names databases: by their identifier, with the Region or a number behind it where that is taken. */
export function nameDatabases(
  databases: readonly FoundDatabase[],
  loaded: LoadedTargets,
): NamedDatabase[] {
  const taken = new Set([...loaded.targets.keys(), ...loaded.aws.profiles.keys()]);
  const byPlace = new Map<string, string>();
  for (const { name, host, port } of loaded.targets.values()) {
    if (host !== undefined) byPlace.set(place(host, port ?? 5432), name);
  }
  return databases.map((database) => {
    const target = byPlace.get(place(database.host, database.port));
    const name = target ?? freeName(database, taken);
    taken.add(name);
    return { name, database, target };
  });
}

function place(host: string, port: number): string {
  return `${host.toLowerCase().replace(/\.$/, "")}:${port}`;
}

function freeName({ name, region }: FoundDatabase, taken: ReadonlySet<string>): string {
  const inRegion = `${name}-${region}`;
  let free = taken.has(name) ? inRegion : name;
  for (let count = 2; taken.has(free); count += 1) free = `${inRegion}-${count}`;
  return free;
}

/** The section of a database, as it stands in the configuration file. */
export function sectionOf(named: NamedDatabase, options: SectionOptions): string {
  const { host, port, signHost, dbname } = named.database;
  const lines: (readonly [string, string])[] = [["#", describe(named.database)]];
  if (options.profile !== undefined) lines.push(["profile", options.profile]);
  lines.push(["host", host]);
  if (port !== 5432) lines.push(["port", String(port)]);
  if (signHost !== undefined) lines.push(["sign_host", signHost]);
  if (options.user !== undefined) lines.push(["user", options.user]);
  if (dbname !== undefined) lines.push(["dbname", dbname]);
  const section: NewSection = { name: named.name, lines };
  return formatSection(section);
}

/** The section of a database to show: with a hash before each line where it is not for pasting. */
export function sectionText(named: NamedDatabase, options: SectionOptions): string {
  const { database, name, target } = named;
  if (target !== undefined) {
    return `# [${name}] is there already: ${database.host} (${describe(database)})\n`;
  }
  const section = sectionOf(named, options);
  return database.iam ? section : section.replaceAll(/^(?=.)/gm, "# ");
}

function describe({ kind, region, iam }: FoundDatabase): string {
  return `${kind} in ${region}, IAM authentication ${iam ? "on" : "off"}`;
}
