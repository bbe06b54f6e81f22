// What is missing for a user's logins with IAM, as steps in their order. Nothing is done here.
import type { DatabaseResource } from "../aws/database-resource.ts";
import type { IamIdentity } from "../aws/identity-policies.ts";
import type { PolicyDocument } from "../aws/connect-policy.ts";
import { DSQL_ADMIN } from "../base/dsql.ts";
import { RdsIamError } from "../base/errors.ts";
import { quoteForShell, shellCommand } from "../system/shell-word.ts";
import { identifier, literal } from "../rds/grants.ts";
import type { DatabaseState, SetupGoal } from "./database-state.ts";
import { schemaStatements } from "./privileges.ts";

/** A step; the commands or statements are what it does. */
export interface SetupStep {
  readonly kind: "iam" | "policy" | "sql";
  /** What tells it from others, from one look at the database to the next. */
  readonly key: string;
  readonly title: string;
  readonly lines: readonly string[];
  /** What a person should know before. */
  readonly warning?: string | undefined;
}

/** An inline policy that is to be attached. */
export interface PolicyToAttach {
  readonly identity: IamIdentity;
  readonly name: string;
  readonly document: PolicyDocument;
  /** Whether the identity has that very one. */
  readonly isThere: boolean;
}

/** A file of statements of the user's own. */
export interface StatementFile {
  readonly path: string;
  readonly text: string;
}

/** What a plan is made from. */
export interface SetupFacts {
  readonly goal: SetupGoal;
  readonly region: string;
  /** Undefined where the RDS API does not tell, and of DSQL. */
  readonly resource: DatabaseResource | undefined;
  readonly database: DatabaseState;
  readonly policy: PolicyToAttach | undefined;
  readonly file: StatementFile | undefined;
}

/** The steps that are missing; what must not be done is an RdsIamError. */
export function makePlan(facts: SetupFacts): readonly SetupStep[] {
  const { goal, resource, region, file, policy } = facts;
  const steps: SetupStep[] = [];
  if (resource !== undefined && (!resource.iam || resource.isChanging)) {
    steps.push({
      kind: "iam",
      key: "iam",
      title: resource.iam ? "wait for IAM authentication" : "switch IAM authentication on",
      lines: resource.iam ? [] : [`${resource.switchOn} --region ${region}`],
    });
  }
  steps.push(
    ...(goal.server === "dsql" ? dsqlSteps(facts) : userSteps(facts)),
    ...grantSteps(facts),
  );
  if (file !== undefined) {
    // A function: a $ in a name is one.
    const text = file.text.replaceAll(':"user"', () => identifier(goal.user));
    const lines = text.trimEnd().split("\n");
    steps.push({ kind: "sql", key: "file", title: `run ${file.path}`, lines });
  }
  if (policy !== undefined && !policy.isThere) steps.push(policyStep(policy));
  return steps;
}

function userSteps({ goal, database, resource }: SetupFacts): SetupStep[] {
  const { user, dbname } = goal;
  const { admin, canConnect, isIam, role } = database;
  const who = identifier(user);
  const steps = roleSteps(goal, database, "LOGIN");
  if (!isIam) {
    if (user === admin || user === resource?.masterUser) throw isMaster(user);
    steps.push({
      kind: "sql",
      key: "member",
      title: "let it log in with IAM",
      lines: [`GRANT rds_iam TO ${who};`],
      warning:
        role === "absent"
          ? undefined
          : `${who} already exists: from then on it can log in only with auth tokens, and its password no longer works`,
    });
  }
  if (!canConnect) {
    steps.push({
      kind: "sql",
      key: "connect",
      title: "let it connect",
      lines: [`GRANT CONNECT ON DATABASE ${identifier(dbname)} TO ${who};`],
    });
  }
  return steps;
}

function dsqlSteps({ goal, database }: SetupFacts): SetupStep[] {
  const { user, iamArn = "arn:aws:iam::ACCOUNT:role/NAME" } = goal;
  if (user === DSQL_ADMIN) return [];
  const steps = roleSteps(goal, database, "WITH LOGIN");
  if (!database.isIam) {
    steps.push({
      kind: "sql",
      key: "mapping",
      title: `map it to ${iamArn}`,
      lines: [`AWS IAM GRANT ${identifier(user)} TO ${literal(iamArn)};`],
    });
  }
  return steps;
}

function roleSteps({ user }: SetupGoal, { role }: DatabaseState, how: string): SetupStep[] {
  if (role === "login") return [];
  const isAbsent = role === "absent";
  const verb = isAbsent ? "CREATE" : "ALTER";
  return [
    {
      kind: "sql",
      key: "role",
      title: isAbsent ? "create the user" : "let the role log in",
      lines: [`${verb} ROLE ${identifier(user)} ${how};`],
    },
  ];
}

function grantSteps({ goal, database }: SetupFacts): SetupStep[] {
  const { level, user } = goal;
  if (level === undefined) return [];
  return database.schemas.flatMap((state) => {
    const [other] = state.others;
    if (other !== undefined) throw notOwned(state.schema, state.others, database.admin);
    const lines = schemaStatements(user, level, state);
    const title = `let it ${level} in the schema ${identifier(state.schema)}`;
    const makers = state.unreached.map(identifier).join(", ");
    const warning =
      makers === ""
        ? undefined
        : `what ${makers} creates there later is not included: ${identifier(database.admin)} may not act for that role`;
    return lines.length === 0
      ? []
      : [{ kind: "sql", key: `grants ${state.schema}`, title, lines, warning } as const];
  });
}

function policyStep({ identity, name, document }: PolicyToAttach): SetupStep {
  const kind = identity.kind.toLowerCase();
  const command = shellCommand`aws iam put-${kind}-policy --${kind}-name ${identity.name} --policy-name ${name} --policy-document`;
  return {
    kind: "policy",
    key: "policy",
    title: `let the ${kind} ${identity.name} log in as it`,
    lines: [`${command} ${quoteForShell(JSON.stringify(document))}`],
  };
}

function isMaster(user: string): RdsIamError {
  return new RdsIamError(`"${user}" is the database's master user, or the administrator itself`, {
    code: "ERR_USAGE",
    detail:
      "With rds_iam it could no longer log in with its password, and no one else could revoke it.",
    hint: "Set up a separate user for IAM: -U USER, or rds_user in the target's profile.",
  });
}

function notOwned(schema: string, owners: readonly string[], admin: string): RdsIamError {
  const names = owners.map(identifier).join(", ");
  return new RdsIamError(
    `"${admin}" may not grant on what ${names} owns in the schema ${identifier(schema)}`,
    {
      code: "ERR_LOGIN",
      hint: `Log in as the owner: --admin-target TARGET. Or first, as ${identifier(admin)}: ${owners.map((owner) => `GRANT ${identifier(owner)} TO ${identifier(admin)};`).join(" ")}`,
    },
  );
}
