// DETAIL and HINT for a login that the server refused: what the auth token was signed for, and the likeliest remedy.
// PostgreSQL's own text for every IAM failure is the same "PAM authentication failed", so the rest must come from here.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Troubleshooting.html

/** What auth tokens are signed for. */
export interface SignedFor {
  readonly host: string;
  readonly port: number;
  readonly region: string;
}

/** Whose credentials signed which token; `source` is `profile "prod"`, a role's ARN. */
export interface Signature {
  readonly identity: { readonly source: string; readonly expiration?: Date | undefined };
  readonly token: { readonly expiresAt: Date };
}

/** DETAIL and HINT of a refused login. */
export interface RefusalTexts {
  readonly detail?: string;
  readonly hint?: string;
}

/** Remembers the last signature and explains refusals with it. */
export interface Refusals {
  readonly signed: (signature: Signature) => void;
  /** For the fields of the server's ErrorResponse: C, M. */
  readonly explain: (user: string, fields: ReadonlyMap<string, string>) => RefusalTexts;
}

/** Explains the refusals of one database. */
export function explainRefusals(target: SignedFor, now: () => number = Date.now): Refusals {
  let last: Signature | undefined;
  return {
    signed: (signature) => {
      last = signature;
    },
    explain: (user, fields) => {
      const refusal = { sqlState: fields.get("C") ?? "", message: fields.get("M") ?? "" };
      return explain(refusal, { ...target, user, last, now: now() });
    },
  };
}

interface ServerRefusal {
  readonly sqlState: string;
  readonly message: string;
}

interface SignedLogin extends SignedFor {
  readonly user: string;
  readonly last: Signature | undefined;
  readonly now: number;
}

function explain({ sqlState, message }: ServerRefusal, login: SignedLogin): RefusalTexts {
  if (sqlState === "28000" && /PAM authentication failed/.test(message)) {
    return { detail: signedFor(login), hint: pamHint(login) };
  }
  if (sqlState === "28P01" || sqlState === "28000") {
    const grant = `GRANT rds_iam TO ${quoted(login.user)};`;
    return { detail: signedFor(login), hint: `As an administrator of the database: ${grant}` };
  }
  return explainAnyLogin(sqlState);
}

/** Explains the refusal of a login with the password of a command. */
export function explainPasswordRefusal(fields: ReadonlyMap<string, string>): RefusalTexts {
  const [sqlState = "", message = ""] = ["C", "M"].map((name) => fields.get(name));
  if (sqlState !== "28P01" && !/PAM authentication failed/.test(message))
    return explainAnyLogin(sqlState);
  return {
    detail: "The server refused the password that the command printed.",
    hint: "Run the password command by hand, with RDSIAM_USER set to the user's name, and log in with what it prints.",
  };
}

/** Explains the refusal of a login that was left to the tool and the server. */
export function explainPassedLogin(fields: ReadonlyMap<string, string>): RefusalTexts {
  if (!/channel binding/.test(fields.get("M") ?? "")) return {};
  return {
    hint: "TLS ends at rdsiam, so the login cannot be bound to it: connect with channel_binding=disable.",
  };
}

// Whatever the login was made with.
function explainAnyLogin(sqlState: string): RefusalTexts {
  if (sqlState === "3D000") {
    return {
      detail: "The login itself worked.",
      hint: "Name an existing database with -d DB or rds_dbname.",
    };
  }
  if (sqlState === "53300") {
    return {
      hint: "The server is at its connection limit: try again later, or let the tool open fewer connections.",
    };
  }
  return {};
}

function signedFor({ host, port, region, user, last, now }: SignedLogin): string {
  if (last === undefined) return "The server refused before it asked for an auth token.";
  const secondsLeft = (end: Date): number => Math.max(0, Math.round((end.getTime() - now) / 1_000));
  const lives = [`the auth token had ${secondsLeft(last.token.expiresAt)} s left`];
  const end = last.identity.expiration;
  if (end !== undefined) lives.push(`the credentials ${secondsLeft(end)} s`);
  return (
    `The auth token was signed for user ${quoted(user)} on ${host}:${port} in ${region} with the credentials of ` +
    `${last.identity.source}; ${lives.join(", ")}.`
  );
}

function pamHint(login: SignedLogin): string {
  return (
    `Most often the identity lacks rds-db:connect on dbuser:RESOURCE-ID/${login.user} (RESOURCE-ID is db-..., cluster-... or ` +
    "prx-..., not the name), IAM authentication is off, the user lacks rds_iam, or this machine's clock is wrong."
  );
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
