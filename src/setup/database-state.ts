// Looks into a database as an administrator: the user, its membership in rds_iam, and the privileges that it lacks.
// Before anything else search_path is set: a function of another user's must not take the place of PostgreSQL's own.
// https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-ACCESS
import { RdsIamError } from "../base/errors.ts";
import { identifier, literal } from "../rds/grants.ts";
import type { OwnSession } from "../session/open-session.ts";
import { type GrantLevel, type ObjectKind, PRIVILEGES, type SchemaState } from "./privileges.ts";

const TIMEOUT = 60_000; // ms for a question
const KINDS: readonly ObjectKind[] = ["r", "S"];
// pg_database_owner stands for whoever owns the database, and rdsadmin is AWS's.
const SYSTEM = /^(?:pg_|rdsadmin$)/;
const RELKINDS: Readonly<Record<ObjectKind, string>> = { r: "'r', 'p', 'v', 'm', 'f'", S: "'S'" };

/** What is to be there in the end. */
export interface SetupGoal {
  readonly user: string;
  readonly dbname: string;
  readonly server: "database" | "dsql";
  /** The IAM role or user that DSQL maps to the user. */
  readonly iamArn: string | undefined;
  readonly level: GrantLevel | undefined;
  readonly schemas: readonly string[];
}

/** What is there. */
export interface DatabaseState {
  /** The administrator's own user. */
  readonly admin: string;
  /** Whether the role exists, and may log in. */
  readonly role: "absent" | "no login" | "login";
  /** Whether it is in rds_iam; of DSQL, whether it is mapped to the identity. */
  readonly isIam: boolean;
  readonly canConnect: boolean;
  readonly schemas: readonly SchemaState[];
}

type Ask = (sql: string) => Promise<readonly (readonly (string | undefined)[])[]>;

/** Looks at a database; what makes the goal impossible there is an RdsIamError. */
export async function readDatabase(session: OwnSession, goal: SetupGoal): Promise<DatabaseState> {
  const ask: Ask = (sql) => session.ask(sql, TIMEOUT);
  await ask("SET search_path = pg_catalog");
  const { user, server, schemas, level } = goal;
  const [roles] = await ask(
    `SELECT current_user, (SELECT rolcanlogin FROM pg_roles WHERE rolname = ${literal(user)})`,
  );
  const [admin = "", canLogin] = roles ?? [];
  const role = canLogin === undefined ? "absent" : canLogin === "t" ? "login" : "no login";
  const isThere = role !== "absent";
  const own =
    server === "dsql" ? await readMapping(ask, goal) : await readMembership(ask, goal, isThere);
  const found: SchemaState[] = [];
  if (level !== undefined) {
    // Everybody's privileges are those that a new role will have.
    const grantee = isThere ? user : "public";
    for (const schema of schemas)
      found.push(await readSchemaOf(ask, { ...goal, schema, admin, grantee, level }));
  }
  return { admin, role, ...own, schemas: found };
}

/** The error for a server that takes no changes. */
export function readerError(what: string): RdsIamError {
  return new RdsIamError(`${what} is a reader, which is read-only`, {
    code: "ERR_ENDPOINT",
    hint: "Name the writer: the cluster's own endpoint, with --host or rds_host.",
  });
}

async function readMembership(ask: Ask, { user, dbname }: SetupGoal, isThere: boolean) {
  const [facts] = await ask(
    `SELECT pg_is_in_recovery(), to_regrole('rds_iam') IS NOT NULL, ` +
      `has_database_privilege(${literal(isThere ? user : "public")}, ${literal(dbname)}, 'CONNECT')`,
  );
  const [isReader, hasIam, canConnect] = facts ?? [];
  if (isReader === "t") throw readerError("the server");
  if (hasIam !== "t") {
    throw new RdsIamError("the server has no role rds_iam", {
      code: "ERR_ENDPOINT",
      detail: "RDS and Aurora PostgreSQL have it from the start.",
      hint: "Check that the endpoint, or the tunnel to it, ends at the intended database.",
    });
  }
  const [member] = await ask(
    `WITH RECURSIVE roles(oid) AS (SELECT oid FROM pg_roles WHERE rolname = ${literal(user)} ` +
      `UNION SELECT m.roleid FROM pg_auth_members m JOIN roles ON m.member = roles.oid) ` +
      `SELECT count(*) FROM roles JOIN pg_roles r USING (oid) WHERE r.rolname = 'rds_iam'`,
  );
  return { isIam: member?.[0] !== "0", canConnect: canConnect === "t" };
}

// Which column has the ARN is not documented for every version.
async function readMapping(ask: Ask, { user, iamArn }: SetupGoal) {
  const rows = await ask(
    `SELECT * FROM sys.iam_pg_role_mappings WHERE pg_role_name = ${literal(user)}`,
  );
  return { isIam: iamArn !== undefined && rows.flat().includes(iamArn), canConnect: true };
}

interface SchemaQuestion extends SetupGoal {
  readonly schema: string;
  readonly admin: string;
  readonly grantee: string;
  readonly level: GrantLevel;
}

// Which of PostgreSQL's functions and catalogs DSQL has is not documented; GRANT takes what is there already.
async function readSchemaOf(ask: Ask, question: SchemaQuestion): Promise<SchemaState> {
  try {
    return await readSchema(ask, question);
  } catch (error) {
    const isRefused = error instanceof RdsIamError && error.code === "ERR_LOGIN";
    if (question.server !== "dsql" || !isRefused) throw error;
    const { schema } = question;
    return { schema, lacksUsage: true, lacks: ["r"], makers: [], unreached: [], others: [] };
  }
}

async function readSchema(ask: Ask, question: SchemaQuestion): Promise<SchemaState> {
  const { admin, dbname, grantee, schema, server } = question;
  const [space] = await ask(
    `SELECT oid, pg_get_userbyid(nspowner), has_schema_privilege(${literal(grantee)}, oid, 'USAGE'), ` +
      `pg_has_role(nspowner, 'USAGE'), has_schema_privilege(oid, 'USAGE WITH GRANT OPTION') ` +
      `FROM pg_namespace WHERE nspname = ${literal(schema)}`,
  );
  const [oid, owner, hasUsage, isOurs, mayGrant] = space ?? [];
  if (oid === undefined || owner === undefined) {
    throw new RdsIamError(`there is no schema ${identifier(schema)} in the database "${dbname}"`, {
      code: "ERR_USAGE",
      hint: "Name one that is there: --schema NAME.",
    });
  }
  const lacksUsage = hasUsage !== "t";
  const others = new Set(lacksUsage && isOurs !== "t" && mayGrant !== "t" ? [owner] : []);
  const lacks: ObjectKind[] = [];
  // Those who make objects there, and whether the administrator may act for them.
  const makers = new Map<string, boolean>();
  for (const kind of KINDS) {
    for (const row of await ask(ownersQuery(oid, kind, question))) {
      const [role = "", isLacking, isOthers, mayAct] = row;
      makers.set(role, mayAct === "t");
      if (isLacking === "t" && !lacks.includes(kind)) lacks.push(kind);
      if (isOthers === "t") others.add(role);
    }
  }
  makers.set(owner, isOurs === "t").set(admin, true);
  // DSQL documents no default privileges.
  const later =
    server === "dsql"
      ? { makers: [], unreached: [] }
      : await readLater(ask, question, { oid, makers });
  return { schema, lacksUsage, lacks, ...later, others: [...others] };
}

// A row for each owner of objects: whether some lack a privilege, whether on some of these nothing can be granted, and whether
// the administrator is that owner, or a member of it.
function ownersQuery(oid: string, kind: ObjectKind, { grantee, level }: SchemaQuestion): string {
  const has = (who: string, more = ""): string =>
    PRIVILEGES[level][kind]
      .map((privilege) => {
        const call = kind === "S" ? "has_sequence_privilege" : "has_table_privilege";
        return `${call}(${who}c.oid, '${privilege}${more}')`;
      })
      .join(" AND ");
  const lacking = `NOT (${has(`${literal(grantee)}, `)})`;
  const ours = "pg_has_role(c.relowner, 'USAGE')";
  const others = `${lacking} AND NOT (${ours} OR (${has("", " WITH GRANT OPTION")}))`;
  return (
    `SELECT pg_get_userbyid(c.relowner), bool_or(${lacking}), bool_or(${others}), bool_and(${ours}) ` +
    `FROM pg_class c WHERE c.relnamespace = ${oid} AND c.relkind IN (${RELKINDS[kind]}) ` +
    // What is an extension's is as the extension has it.
    `AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') ` +
    `GROUP BY 1 ORDER BY 1`
  );
}

// What is made later gets its privileges from its maker's defaults; those of others cannot be changed.
async function readLater(
  ask: Ask,
  { user, level }: SchemaQuestion,
  { oid, makers }: { readonly oid: string; readonly makers: ReadonlyMap<string, boolean> },
): Promise<Pick<SchemaState, "makers" | "unreached">> {
  const given = await ask(
    `SELECT pg_get_userbyid(d.defaclrole), d.defaclobjtype, a.privilege_type ` +
      `FROM pg_default_acl d CROSS JOIN LATERAL aclexplode(d.defaclacl) a ` +
      `WHERE d.defaclnamespace = ${oid} AND a.grantee = (SELECT oid FROM pg_roles WHERE rolname = ${literal(user)})`,
  );
  const known = new Set(given.map((row) => JSON.stringify(row)));
  // Its own objects it has anyway; the others make nothing.
  const others = [...makers].filter(([role]) => role !== user && !SYSTEM.test(role));
  const lacking = others.flatMap(([role, isMine]) => {
    const lacks = KINDS.filter((kind) =>
      PRIVILEGES[level][kind].some((each) => !known.has(JSON.stringify([role, kind, each]))),
    );
    return lacks.length === 0 ? [] : [{ role, isMine, lacks }];
  });
  return {
    makers: lacking.filter(({ isMine }) => isMine),
    unreached: lacking.flatMap(({ role, isMine }) => (isMine ? [] : [role])),
  };
}
