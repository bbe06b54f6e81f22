// What Amazon Redshift adds to PostgreSQL, for the stand-in: passwords that its API has issued, and the login that asks for one
// with a digest of its own (or with MD5). Written from the sources of AWS's own driver.
// https://github.com/aws/amazon-redshift-python-driver/blob/master/redshift_connector/core.py
import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { encodeAuthenticationDigest, readDigestResponse } from "../protocol/authentication.ts";
import { type Message, encodeInt32, encodeMessage } from "../protocol/message.ts";
import { replaceParameters, type StartupMessage } from "../protocol/startup-packet.ts";

/** A password that the API has given out. */
export interface IssuedLogin {
  /** As the API names it: IAM:demo, IAMR:db-reader. */
  readonly dbUser: string;
  /** The user in the database. */
  readonly role: string;
  readonly password: string;
  readonly expiresAt: Date;
}

/** How the front of a Redshift cluster logs in. */
export interface RedshiftOptions {
  readonly issued: readonly IssuedLogin[];
  /** "digest" when absent. */
  readonly method?: "digest" | "md5" | undefined;
}

/** A new password for a user; `seconds` is how long it lives. */
export function issueLogin(
  user: Pick<IssuedLogin, "dbUser" | "role">,
  seconds: number,
  now: Date,
): IssuedLogin {
  // As AWS's: with characters that XML, URLs and shells have a meaning for.
  const password = `${randomBytes(24).toString("base64")}&<"'%`;
  return { ...user, password, expiresAt: new Date(now.getTime() + seconds * 1_000) };
}

/** Asks for a password; undefined where none was sent that the API has issued to the user and that is good at this time. */
export async function logInToRedshift(
  { issued, method = "digest" }: RedshiftOptions,
  { user, now }: { readonly user: string; readonly now: Date },
  ask: (request: Buffer) => Promise<Message | undefined>,
): Promise<IssuedLogin | undefined> {
  const known = issued.filter(
    (each) => each.dbUser === user && each.expiresAt.getTime() > now.getTime(),
  );
  if (method === "md5") {
    const salt = randomBytes(4);
    const answer = await ask(encodeMessage("R", encodeInt32(5), salt));
    const text = answer?.type === "p" ? answer.body.toString("latin1") : "";
    return known.find(({ password }) => {
      const inner = createHash("md5").update(password).update(user).digest("hex");
      return text === `md5${createHash("md5").update(inner).update(salt).digest("hex")}\0`;
    });
  }
  const salt = randomBytes(32);
  const serverNonce = Buffer.from(String(now.getTime()));
  const answer = await ask(encodeAuthenticationDigest({ salt, serverNonce }));
  const response = answer?.type === "d" ? readDigestResponse(answer.body) : undefined;
  if (response === undefined) return undefined;
  return known.find(({ password }) => {
    const inner = createHash("sha256").update(password).update(salt).digest();
    const outer = createHash("sha256").update(inner).update(serverNonce);
    return outer.update(response.clientNonce).digest().equals(response.digest);
  });
}

const KNOWN = new Set(["application_name", "client_encoding", "database", "options", "user"]);

/** The StartupMessage for PostgreSQL: the user of the database, without what Redshift's drivers send. */
export function startupForPostgres(startup: StartupMessage, role: string): StartupMessage {
  const parameters = startup.parameters.filter(({ name }) => KNOWN.has(name.toString("latin1")));
  return replaceParameters({ minor: startup.minor, parameters }, { user: role });
}
