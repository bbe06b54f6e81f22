// DETAIL and HINT for a login that the server refused: what the auth token was signed for, and the likeliest remedy.
// PostgreSQL's own text for every IAM failure is the same, and translated by lc_messages, so the rest must come from here.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Troubleshooting.html
import { DSQL_ADMIN, DSQL_DATABASE } from "../base/dsql.ts";
import { parseEndpoint } from "../rds/endpoint.ts";
import type { AddedFields, BackendRefusal } from "../proxy/failure.ts";

// What rds-auth-proxy says itself: in English, without a SQLSTATE.
// https://github.com/mothership/rds-auth-proxy/blob/main/pkg/pg/frontend.go (HandleAuthenticationRequest)
const RDS_AUTH_PROXY: ReadonlyMap<string, AddedFields> = new Map([
  [
    "SASL auth not supported",
    {
      detail:
        "The database asked for SCRAM-SHA-256, as it does for users without rds_iam, and rds-auth-proxy cannot answer that.",
      hint: "As an administrator of the database: GRANT rds_iam TO the user. A user with a password needs another tunnel.",
    },
  ],
  [
    "host not allowed by ACL, or not configured for this proxy",
    {
      detail:
        "rds-auth-proxy knows instances by their own endpoints, and of these the ones that its configuration allows.",
      hint: "Name the instance's own endpoint with --host or rds_host, or have it allowed in target_acl or targets of the server's configuration.",
    },
  ],
]);
const UNASKED = "The server refused before it asked for an auth token.";

/** What auth tokens are signed for. */
export interface SignedFor {
  readonly host: string;
  readonly port: number;
  readonly region: string;
  readonly isDsql?: boolean | undefined;
  readonly isRedshift?: boolean | undefined;
}

/** Whose credentials signed which token; `source` is `profile "prod"`, a role's ARN. */
export interface Signature {
  readonly identity: { readonly source: string; readonly expiration?: Date | undefined };
  readonly token: {
    readonly expiresAt: Date;
    readonly host: string;
    readonly user?: string | undefined;
  };
}

/** Remembers the last signature and explains refusals with it. */
export interface Refusals {
  readonly signed: (signature: Signature) => void;
  readonly explain: (user: string, refusal: BackendRefusal) => AddedFields;
}

/** Explains the refusals of one database. */
export function explainRefusals(target: SignedFor, now: () => number = Date.now): Refusals {
  let last: Signature | undefined;
  return {
    signed: (signature) => {
      last = signature;
    },
    explain: (user, refusal) => explain(refusal, { ...target, user, last, now: now() }),
  };
}

interface SignedLogin extends SignedFor {
  readonly user: string;
  readonly last: Signature | undefined;
  readonly now: number;
}

function explain(refusal: BackendRefusal, login: SignedLogin): AddedFields {
  const { isAfterLogin, isOfPassword, isReplication, sqlState } = refusal;
  if (login.isDsql === true) return explainDsql(refusal, login);
  if (login.isRedshift === true) return explainRedshift(refusal, login);
  if (sqlState === "28000" && isOfPassword) {
    return { detail: signedFor(login), hint: iamHint(login) };
  }
  // "role ... is not permitted to log in": src/backend/utils/init/miscinit.c (InitializeSessionUserId)
  if (sqlState === "28000" && isAfterLogin) {
    return {
      detail: "The server accepted the auth token, but the user lacks LOGIN.",
      hint: `As an administrator of the database: ALTER ROLE ${quoted(login.user)} LOGIN;`,
    };
  }
  if (sqlState === "28000" && isReplication) {
    return {
      detail: UNASKED,
      hint: "Replication with IAM needs GRANT rds_replication, and the parameter rds.iam_auth_for_replication = 1.",
    };
  }
  if (sqlState === "28P01" || sqlState === "28000") {
    const grant = `GRANT rds_iam TO ${quoted(login.user)};`;
    const detail = isOfPassword ? signedFor(login) : UNASKED;
    return { detail, hint: `As an administrator of the database: ${grant}` };
  }
  return explainAnyLogin(refusal);
}

// DSQL's texts are English alone; which SQLSTATE goes with which of them is not documented.
// https://docs.aws.amazon.com/aurora-dsql/latest/userguide/troubleshooting.html
function explainDsql(refusal: BackendRefusal, login: SignedLogin): AddedFields {
  const { fields, isOfPassword, sqlState } = refusal;
  const who = quoted(login.user);
  const isAdmin = login.user === DSQL_ADMIN;
  const grants = `CREATE ROLE ${who} WITH LOGIN; AWS IAM GRANT ${who} TO 'arn:aws:iam::ACCOUNT:role/NAME';`;
  if (sqlState === "53400") {
    return {
      hint: "DSQL accepts about 100 new connections per second: try again, and open fewer at once.",
    };
  }
  if (sqlState === "3D000") {
    return {
      hint: `DSQL has no database other than ${DSQL_DATABASE}: leave -d and rds_dbname out.`,
    };
  }
  if (!isAdmin && /does not exist/.test(fields.get("M") ?? "")) {
    return { detail: signedFor(login), hint: `As admin: ${grants}` };
  }
  if (isOfPassword && sqlState.startsWith("28")) {
    const action = isAdmin ? "dsql:DbConnectAdmin" : "dsql:DbConnect";
    const unmapped = isAdmin
      ? ""
      : `, its role or user is not mapped to ${who} (as admin: ${grants})`;
    return {
      detail: signedFor(login),
      hint: `Most often the identity lacks ${action} on the cluster${unmapped}, or this machine's clock is wrong.`,
    };
  }
  return explainAnyLogin(refusal);
}

function explainRedshift(refusal: BackendRefusal, login: SignedLogin): AddedFields {
  const { isOfPassword, sqlState } = refusal;
  const { last, now } = login;
  if (!isOfPassword || !sqlState.startsWith("28") || last === undefined) {
    return explainAnyLogin(refusal);
  }
  const { expiresAt, user = login.user } = last.token;
  const seconds = Math.max(0, Math.round((expiresAt.getTime() - now) / 1_000));
  return {
    detail:
      `The Redshift API has just given the password of the database user ${quoted(user)} to the credentials of ` +
      `${last.identity.source}; it had ${seconds} s left.`,
    hint: "Check that the host is that of the cluster or workgroup that was asked for (-v shows it), and that the user is there.",
  };
}

/** Explains the refusal of a login with the password of a command. */
export function explainPasswordRefusal(refusal: BackendRefusal): AddedFields {
  const { isOfPassword, sqlState } = refusal;
  if (sqlState !== "28P01" && !(sqlState === "28000" && isOfPassword))
    return explainAnyLogin(refusal);
  return {
    detail: "The server refused the password that the command printed.",
    hint: "Run the password command by hand, with RDSIAM_USER set to the user's name, and log in with what it prints.",
  };
}

/** Explains the refusal of a login with a secret, which was read anew before. */
export function explainSecretRefusal(refusal: BackendRefusal, secret: string): AddedFields {
  const { isOfPassword, sqlState } = refusal;
  if (sqlState === "28000" && isOfPassword) {
    return {
      detail: `The server refused the password of the secret ${secret}.`,
      hint: "A user that has rds_iam logs in with auth tokens alone: leave the secret out (rds_secret, RDSIAM_SECRET).",
    };
  }
  if (sqlState !== "28P01") return explainAnyLogin(refusal);
  return {
    detail: `The server refused the password of the secret ${secret}, which was read once more before the last attempt.`,
    hint: "Its password and the database's differ: rotate it (aws secretsmanager rotate-secret), or write the right one into it.",
  };
}

/** Explains the refusal of a login that was left to the tool and the server. */
export function explainPassedLogin({ fields }: BackendRefusal): AddedFields {
  if (!/channel binding/.test(fields.get("M") ?? "")) return {};
  return {
    hint: "TLS ends at rdsiam, so the login cannot be bound to it: connect with channel_binding=disable.",
  };
}

// Whatever the login was made with.
function explainAnyLogin({ fields, sqlState }: BackendRefusal): AddedFields {
  if (sqlState === "") return RDS_AUTH_PROXY.get(fields.get("M") ?? "") ?? {};
  if (sqlState === "3D000") {
    return {
      detail: "The login itself worked.",
      hint: "Name an existing database with -d DB or rds_dbname.",
    };
  }
  if (sqlState === "53300") {
    return {
      hint: "The connection limit of the server, the database or the user is reached: try again later, or let the tool open fewer connections.",
    };
  }
  return {};
}

function signedFor({ host, port, region, user, last, now }: SignedLogin): string {
  if (last === undefined) return UNASKED;
  const secondsLeft = (end: Date): number => Math.max(0, Math.round((end.getTime() - now) / 1_000));
  const lives = [`the auth token had ${secondsLeft(last.token.expiresAt)} s left`];
  const end = last.identity.expiration;
  if (end !== undefined) lives.push(`the credentials ${secondsLeft(end)} s`);
  const before =
    last.token.host === host ? "" : ` One that was signed for ${host} was refused before.`;
  return (
    `The auth token was signed for user ${quoted(user)} on ${last.token.host}:${port} in ${region} with the credentials of ` +
    `${last.identity.source}; ${lives.join(", ")}.${before}`
  );
}

function iamHint(login: SignedLogin): string {
  const { region = login.region } = parseEndpoint(login.host) ?? {};
  if (region !== login.region) {
    return `The host is in ${region}, but the token was signed for ${login.region}: remove the Region.`;
  }
  return (
    `Most often the identity lacks rds-db:connect on dbuser:RESOURCE-ID/${login.user} (RESOURCE-ID is db-..., cluster-... or ` +
    "prx-..., not the name), IAM authentication is off, the user lacks rds_iam, or this machine's clock is wrong."
  );
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
