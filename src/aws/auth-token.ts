// Makes auth tokens, with which a database user logs in instead of with a password.
// A token is made here, without a call to AWS, so a wrong host, Region or user is only noticed by the database. The SDK's
// signer signs whatever it gets (no user, no port, dead credentials); everything it does not check is checked here.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html

import { DSQL_ADMIN } from "../base/dsql.ts";
import { RdsIamError } from "../base/errors.ts";
import type { Credentials } from "./credentials.ts";
import { signingKeys } from "./keys.ts";

// Fixed in @aws-sdk/rds-signer, and the most that RDS takes.
const TOKEN_SECONDS = 900;

/** An auth token and what it was signed for; only `token` is secret. */
export interface AuthToken {
  readonly token: string;
  /** The earlier of 15 minutes from now and the end of the credentials. */
  readonly expiresAt: Date;
  readonly host: string;
  readonly port: number;
  readonly region: string;
  readonly user: string;
  /** Whose credentials signed it. */
  readonly identity: { readonly source: string; readonly expiration: Date | undefined };
}

/** Makes an auth token for a database user; one of Redshift's is for one database, and names the user itself. */
export type AuthTokenSigner = (
  user: string,
  identity: Credentials,
  database?: string,
) => Promise<AuthToken>;

/** What auth tokens are signed for. */
export interface AuthTokenTarget {
  /** The canonical host, as RDS itself names it. */
  readonly host: string;
  /** The database's own port, not a tunnel's. */
  readonly port: number;
  readonly region: string;
  /** Whether the host is Aurora DSQL, which has tokens of another kind. */
  readonly isDsql?: boolean | undefined;
  readonly now?: (() => number) | undefined;
}

/** Makes the function that signs auth tokens for one database; what it cannot sign for is an error at once. */
export function authTokenSigner(options: AuthTokenTarget): AuthTokenSigner {
  const host = options.host.toLowerCase().replace(/\.$/, "");
  const { port, region } = options;
  if (!/^[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?$/.test(host)) {
    throw new RdsIamError(`cannot sign for the host ${JSON.stringify(options.host)}`, {
      code: "ERR_ENDPOINT",
    });
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new RdsIamError(`cannot sign for port ${port} of ${host}`, { code: "ERR_ENDPOINT" });
  }
  if (region === "") {
    throw new RdsIamError(`no Region to sign for ${host}`, {
      code: "ERR_REGION",
      hint: "Add {--region} REGION.",
    });
  }
  return (user, identity) => signToken({ ...options, host }, user, identity);
}

async function signToken(
  options: AuthTokenTarget,
  user: string,
  identity: Credentials,
): Promise<AuthToken> {
  const { host, port, region } = options;
  if (typeof user !== "string" || user === "" || user.includes("\0")) {
    throw new RdsIamError(`no database user to sign an auth token for on ${host}`, {
      code: "ERR_CREDENTIALS",
      hint: "Add {--user} USER, or set rds_user in the target's profile.",
    });
  }
  // Loading the signer may take a moment: the clock is read after that.
  const sign = await (options.isDsql === true ? loadDsqlSigner() : loadRdsSigner());
  const now = (options.now ?? Date.now)();
  const { source, expiration } = identity;
  if (expiration !== undefined && expiration.getTime() <= now) {
    throw new RdsIamError(`the credentials of ${source} have expired`, {
      code: "ERR_CREDENTIALS",
      detail: `They expired at ${expiration.toISOString()}; RDS would refuse a token signed with them.`,
      hint: "Get new credentials (rdsiam login, or the tool that made them), then try again.",
    });
  }
  const token = await sign(options, user, signingKeys(identity));
  const end = Math.min(now + TOKEN_SECONDS * 1_000, expiration?.getTime() ?? Infinity);
  const expiresAt = new Date(end);
  return { token, expiresAt, host, port, region, user, identity: { source, expiration } };
}

type Sign = (
  target: AuthTokenTarget,
  user: string,
  credentials: ReturnType<typeof signingKeys>,
) => Promise<string>;

async function loadRdsSigner(): Promise<Sign> {
  const { Signer } = await import("@aws-sdk/rds-signer");
  return ({ host, port, region }, username, credentials) =>
    new Signer({ hostname: host, port, region, username, credentials }).getAuthToken();
}

// The user is not in the token: the action alone tells `admin` from all others, and the port is not signed.
// https://docs.aws.amazon.com/aurora-dsql/latest/userguide/SECTION_authentication-token.html
async function loadDsqlSigner(): Promise<Sign> {
  const { presignUrl } = await import("./presign.ts");
  return async ({ host, region }, user, keys) => {
    const Action = user === DSQL_ADMIN ? "DbConnectAdmin" : "DbConnect";
    const request = { endpoint: `https://${host}`, service: "dsql", region, query: { Action } };
    const url = await presignUrl(keys, { ...request, seconds: TOKEN_SECONDS });
    return url.slice("https://".length);
  };
}
