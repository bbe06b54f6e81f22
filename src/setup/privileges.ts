// The privileges that --grant read and --grant write stand for, and the statements that give them: on what is in a schema, and on what
// is made there later.
// https://www.postgresql.org/docs/current/sql-grant.html
// https://www.postgresql.org/docs/current/sql-alterdefaultprivileges.html
import { identifier } from "../rds/grants.ts";

/** What a user may do with the tables of a schema. */
export type GrantLevel = "read" | "write";

/** The kinds of objects that privileges are given on: pg_default_acl's letters. */
export type ObjectKind = "r" | "S";

/** The privileges of a level, by the kind of objects. */
export const PRIVILEGES: Readonly<
  Record<GrantLevel, Readonly<Record<ObjectKind, readonly string[]>>>
> = {
  // pg_dump reads sequences too.
  read: { r: ["SELECT"], S: ["SELECT"] },
  write: { r: ["SELECT", "INSERT", "UPDATE", "DELETE"], S: ["SELECT", "USAGE"] },
};

const PLURAL: Readonly<Record<ObjectKind, string>> = { r: "TABLES", S: "SEQUENCES" };

/** A schema, and what a user lacks in it. */
export interface SchemaState {
  readonly schema: string;
  readonly lacksUsage: boolean;
  /** The kinds of which at least one object lacks a privilege. */
  readonly lacks: readonly ObjectKind[];
  /** Who make objects there, and the kinds of which theirs will lack a privilege. */
  readonly makers: readonly { readonly role: string; readonly lacks: readonly ObjectKind[] }[];
  /** Who make objects there for whom the administrator may not act: what they make later is theirs to grant. */
  readonly unreached: readonly string[];
  /** Who own objects there on which the administrator may not grant. */
  readonly others: readonly string[];
}

/** The statements that give a user what it lacks in a schema. */
export function schemaStatements(
  user: string,
  level: GrantLevel,
  { schema, lacksUsage, lacks, makers }: SchemaState,
): readonly string[] {
  const [who, where] = [identifier(user), identifier(schema)];
  const what = (kind: ObjectKind): string => PRIVILEGES[level][kind].join(", ");
  return [
    ...(lacksUsage ? [`GRANT USAGE ON SCHEMA ${where} TO ${who};`] : []),
    ...lacks.map(
      (kind) => `GRANT ${what(kind)} ON ALL ${PLURAL[kind]} IN SCHEMA ${where} TO ${who};`,
    ),
    ...makers.flatMap(({ role, lacks: later }) =>
      later.map(
        (kind) =>
          `ALTER DEFAULT PRIVILEGES FOR ROLE ${identifier(role)} IN SCHEMA ${where} GRANT ${what(kind)} ON ${PLURAL[kind]} TO ${who};`,
      ),
    ),
  ];
}
