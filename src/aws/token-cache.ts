// Keeps auth tokens for a while: RDS limits logins with new tokens to about 200 a second, logins with a known one are not.
// A token is good for one host, port, user, Region and identity, and never longer than its credentials.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html

import {
  type AuthToken,
  type AuthTokenSigner,
  authTokenSigner,
  type AuthTokenTarget,
} from "./auth-token.ts";
import type { Credentials, CredentialSource } from "./credentials.ts";

/** An auth token; `reused` when it has been given out before. */
export interface IssuedToken extends AuthToken {
  readonly reused: boolean;
}

/** Gives an auth token for a database user; with `renew` a new one, with `ahead` one that is not given out yet. */
export type AuthTokenSource = (
  user: string,
  options?: {
    readonly renew?: boolean | undefined;
    readonly ahead?: boolean | undefined;
    /** Matters to Redshift alone. */
    readonly database?: string | undefined;
  },
) => Promise<IssuedToken>;

/** What auth tokens are signed for, and with which credentials. */
export interface AuthTokenOptions extends AuthTokenTarget {
  /** Called for every token, so that new credentials are used at once. */
  readonly credentials: CredentialSource;
  /** Asks AWS for the password in place of signing a token: Redshift. It is kept until a minute before its end. */
  readonly issue?: AuthTokenSigner | undefined;
}

const LONGEST_REUSE = 600_000; // ms
const TOKEN_LIFE = 900_000; // ms
const SHORTEST_REST = 60_000; // ms that a reused token and its credentials must still be good for
const MOST_TOKENS = 64; // a tool logs in as one user, or a few

interface Entry {
  readonly signing: Promise<AuthToken>;
  readonly signedAt: number;
  end: number;
  isSigned: boolean;
  /** False for one that was signed ahead: the first login that takes it is not its second. */
  isGiven: boolean;
}

/** Makes the function that gives auth tokens for one database; logins at the same time share one signing. */
export function authTokenSource(options: AuthTokenOptions): AuthTokenSource {
  const sign = options.issue ?? authTokenSigner(options);
  const longest = options.issue === undefined ? LONGEST_REUSE : Number.POSITIVE_INFINITY;
  const now = options.now ?? (() => Date.now());
  const entries = new Map<string, Entry>();
  return async (user, { renew = false, ahead = false, database } = {}) => {
    const identity = await options.credentials();
    const { accessKeyId, secretAccessKey, sessionToken } = identity;
    const key = JSON.stringify([
      user,
      options.issue && database,
      accessKeyId,
      secretAccessKey,
      sessionToken,
    ]);
    const time = now();
    const known = entries.get(key);
    if (known !== undefined && isReusable(known, time, longest) && !(renew && known.isSigned)) {
      const reused = known.isGiven;
      known.isGiven ||= !ahead;
      return { ...(await known.signing), reused };
    }
    for (const [old, each] of entries) {
      if (!isReusable(each, time, longest) || entries.size >= MOST_TOKENS) entries.delete(old);
    }
    const entry = startSigning(sign(user, identity, database), time, identity);
    entry.isGiven = !ahead;
    entries.delete(key);
    entries.set(key, entry);
    try {
      const token = await entry.signing;
      entry.isSigned = true;
      if (options.issue !== undefined) entry.end = token.expiresAt.getTime();
      return { ...token, reused: false };
    } catch (error) {
      if (entries.get(key) === entry) entries.delete(key);
      throw error;
    }
  };
}

function startSigning(signing: Promise<AuthToken>, signedAt: number, identity: Credentials): Entry {
  const credentialsEnd = identity.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
  const end = Math.min(signedAt + TOKEN_LIFE, credentialsEnd);
  return { signing, signedAt, end, isSigned: false, isGiven: true };
}

// A clock that was set back makes a token's age unknown.
function isReusable({ signedAt, end }: Entry, time: number, longest: number): boolean {
  const age = time - signedAt;
  return age >= 0 && age <= longest && end - time > SHORTEST_REST;
}
