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
  /** Of a session. */
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
  /** The database users that IAM policy lets it connect as (rds-db:connect); all when absent. */
  readonly databaseUsers?: readonly string[] | undefined;
}

/** An IAM user's long-term key to make. */
export type AccessKeyOptions = Pick<AccessKey, "arn" | "databaseUsers">;

/** A session's key to make; `userId` is the role's unique id and the session's name, as AWS joins them: `AROA...:NAME`. */
export interface SessionKeyOptions extends AccessKeyOptions {
  readonly expiration: Date;
  readonly userId: string;
}

/** Every access key of the stand-in, by its id. */
export class KeyStore {
  readonly #keys = new Map<string, AccessKey>();

  /** Makes an IAM user's long-term key (AKIA...). */
  createStaticKey(options: AccessKeyOptions): AccessKey {
    return this.#add({ ...options, ...accessKey("AKIA"), userId: randomId("AIDA") });
  }

  /** Makes a session's temporary key (ASIA...) with its session token. */
  createSessionKey(options: SessionKeyOptions): AccessKey {
    // AWS's begin like this and are some hundred characters long, with `+`, `/` and `=` that need escaping.
    const sessionToken = `IQoJb3JpZ2luX2Vj${randomBytes(506).toString("base64")}`;
    return this.#add({ ...options, ...accessKey("ASIA"), sessionToken });
  }

  /** The key with this id. */
  find(accessKeyId: string): AccessKey | undefined {
    return this.#keys.get(accessKeyId);
  }

  /** Every key; a test looks for their secrets where none may be. */
  all(): readonly AccessKey[] {
    return [...this.#keys.values()];
  }

  /** Lets the keys of an IAM user, and the sessions of a role, connect as one more database user. */
  allow(principal: string, databaseUser: string): void {
    for (const [id, key] of this.#keys) {
      const isOf = new RegExp(`:(?:user|assumed-role)/${principal}(?:/|$)`).test(key.arn);
      if (!isOf || key.databaseUsers === undefined) continue;
      this.#keys.set(id, { ...key, databaseUsers: [...key.databaseUsers, databaseUser] });
    }
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

// The secret is 40 characters of base64, `+` and `/` included, as AWS's are.
function accessKey(prefix: string): Pick<AccessKey, "accessKeyId" | "secretAccessKey"> {
  return {
    accessKeyId: randomId(prefix),
    secretAccessKey: randomBytes(30).toString("base64"),
  };
}
