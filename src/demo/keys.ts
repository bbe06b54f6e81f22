// The access keys that the stand-ins for RDS and STS both know: IAM users' own and STS sessions'.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
import { randomBytes } from "node:crypto";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** An access key and the identity that it stands for. */
export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The caller's ARN: an IAM user, or an assumed-role session. */
  readonly arn: string;
  readonly userId: string;
  /** Only a session has one. */
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
  /** The database users that IAM policy lets it connect as (rds-db:connect); all when absent. */
  readonly databaseUsers?: readonly string[] | undefined;
}

/** What a key is made for; a session has an expiration. */
export interface AccessKeyOptions {
  readonly arn: string;
  readonly databaseUsers?: readonly string[] | undefined;
}

/** What a session key is made for. */
export interface SessionKeyOptions extends AccessKeyOptions {
  readonly expiration: Date;
  /** The role's unique id and the session's name, as AWS joins them: `AROA...:NAME`. */
  readonly userId: string;
}

/** Every access key that the stand-in knows, by its id. */
export class KeyStore {
  readonly #keys = new Map<string, AccessKey>();

  /** Makes an IAM user's long-term key (AKIA...). */
  createStaticKey(options: AccessKeyOptions): AccessKey {
    return this.#add({
      accessKeyId: randomId("AKIA"),
      secretAccessKey: randomSecret(),
      userId: randomId("AIDA"),
      ...optionalUsers(options),
      arn: options.arn,
    });
  }

  /** Makes a session's temporary key (ASIA...) with its session token. */
  createSessionKey(options: SessionKeyOptions): AccessKey {
    return this.#add({
      accessKeyId: randomId("ASIA"),
      secretAccessKey: randomSecret(),
      sessionToken: randomSessionToken(),
      userId: options.userId,
      ...optionalUsers(options),
      arn: options.arn,
      expiration: options.expiration,
    });
  }

  /** The key with this id, or undefined if there is none. */
  find(accessKeyId: string): AccessKey | undefined {
    return this.#keys.get(accessKeyId);
  }

  /** Every key that is known. */
  list(): readonly AccessKey[] {
    return [...this.#keys.values()];
  }

  /** Every key, for a test that looks for secrets where none may be. */
  all(): readonly AccessKey[] {
    return [...this.#keys.values()];
  }

  /** Forgets a key, as when it was deleted in IAM. */
  delete(accessKeyId: string): void {
    this.#keys.delete(accessKeyId);
  }

  #add(key: AccessKey): AccessKey {
    this.#keys.set(key.accessKeyId, key);
    return key;
  }
}

/** A unique id as IAM makes them: a four-letter prefix and 16 characters of base32. */
export function randomId(prefix: string): string {
  const tail = [...randomBytes(16)].map((byte) => ALPHABET[byte % ALPHABET.length] ?? "A");
  return prefix + tail.join("");
}

function optionalUsers(options: AccessKeyOptions): { databaseUsers?: readonly string[] } {
  return options.databaseUsers === undefined ? {} : { databaseUsers: options.databaseUsers };
}

// 40 characters of base64, `+` and `/` included, as AWS's are.
function randomSecret(): string {
  return randomBytes(30).toString("base64");
}

// AWS's begin like this and are some hundred characters long, with `+`, `/` and `=` that need escaping.
function randomSessionToken(): string {
  return `IQoJb3JpZ2luX2Vj${randomBytes(506).toString("base64")}`;
}
