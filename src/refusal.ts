// What to add to a login that the server refused: DETAIL says what the auth token was signed for, HINT the likeliest remedy.
// PostgreSQL's own text for every IAM failure is the same "PAM authentication failed", so the rest must come from here.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Troubleshooting.html

/** What is known of a login when it is refused. */
export interface RefusedLogin {
  readonly host: string;
  readonly port: number;
  readonly region: string;
  readonly user: string;
  /** Whose credentials signed: `profile "prod"`, a role's ARN; undefined when no auth token was asked for. */
  readonly identity: string | undefined;
  /** Seconds that the auth token and the credentials had left; undefined when they do not end or none was made. */
  readonly tokenSeconds: number | undefined;
  readonly credentialSeconds: number | undefined;
}

/** The parts of the server's ErrorResponse that decide. */
export interface Refusal {
  readonly sqlState: string;
  readonly message: string;
}

/** DETAIL and HINT for a refused login. */
export function explainRefusal(login: RefusedLogin, refusal: Refusal): { detail?: string; hint?: string } {
  if (refusal.sqlState === "28000" && /PAM authentication failed/.test(refusal.message)) {
    return { detail: signedFor(login), hint: pamHint(login) };
  }
  if (refusal.sqlState === "28P01" || refusal.sqlState === "28000") {
    return { detail: signedFor(login), hint: `As an administrator of the database: GRANT rds_iam TO ${quoted(login.user)};` };
  }
  if (refusal.sqlState === "3D000") {
    return { detail: "The login itself worked.", hint: "Name an existing database with -d DB or rds_dbname." };
  }
  if (refusal.sqlState === "53300") {
    return { hint: "The server is at its connection limit: try again later, or let the tool open fewer connections." };
  }
  return {};
}

function signedFor(login: RefusedLogin): string {
  if (login.identity === undefined) return "The server refused before it asked for an auth token.";
  const lifetimes = [seconds("The auth token", login.tokenSeconds), seconds("the credentials", login.credentialSeconds)];
  const left = lifetimes.filter((text) => text !== undefined).join(", ");
  const where = `${login.host}:${login.port} in ${login.region}`;
  return `The auth token was signed for user ${quoted(login.user)} on ${where} with the credentials of ${login.identity}.${left === "" ? "" : ` ${left}.`}`;
}

function seconds(what: string, left: number | undefined): string | undefined {
  return left === undefined ? undefined : `${what} had ${Math.max(0, Math.round(left))} s left`;
}

function pamHint(login: RefusedLogin): string {
  return (
    `Most often the identity lacks rds-db:connect on dbuser:RESOURCE-ID/${login.user} (RESOURCE-ID is db-..., cluster-... or prx-..., ` +
    `not the name), IAM authentication is off, the user lacks rds_iam, or this machine's clock is wrong.`
  );
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
