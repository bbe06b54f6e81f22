// What Amazon Redshift adds to PostgreSQL, for the stand-in: passwords that its API has issued, and the login that asks for one
// with a digest of its own (or with MD5). Written from the sources of AWS's own driver.
// https://github.com/aws/amazon-redshift-python-driver/blob/master/redshift_connector/core.py
import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { type Duplex, Transform } from "node:stream";
import type { SocketReader } from "../base/socket-reader.ts";
import { encodeAuthenticationDigest, readDigestResponse } from "../protocol/authentication.ts";
import {
  encodeInt32,
  encodeMessage,
  encodeString,
  type Message,
  readMessage,
} from "../protocol/message.ts";
import { MessageStream } from "../protocol/message-stream.ts";
import {
  encodeStartupMessage,
  replaceParameters,
  type StartupMessage,
} from "../protocol/startup-packet.ts";

const LONGEST_ANSWER = 2_000; // bytes
const NEVER = new AbortController().signal;

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
  readonly method: "digest" | "md5";
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
  { issued, method }: RedshiftOptions,
  { reader, socket }: { readonly reader: SocketReader; readonly socket: Duplex },
  { user, now }: { readonly user: string; readonly now: Date },
): Promise<IssuedLogin | undefined> {
  const ask = (request: Buffer): Promise<Message | undefined> => {
    socket.write(request);
    const answer = reader.take((bytes) => readMessage(bytes, () => LONGEST_ANSWER), NEVER);
    return answer.catch(() => undefined);
  };
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

/** PostgreSQL's answers as Redshift sends them: it says that it is PostgreSQL 8.0.2. */
export function redshiftAnswers(): Transform {
  const version = encodeMessage("S", encodeString("server_version"), encodeString("8.0.2"));
  const stream = new MessageStream({
    wants: (type) => type === "S",
    replace: (_type, message) =>
      message.toString("latin1", 5).startsWith("server_version\0") ? version : message,
  });
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (const bytes of stream.pass(chunk)) this.push(bytes);
      done();
    },
  });
}

const KNOWN = new Set(["application_name", "client_encoding", "database", "options", "user"]);

/** The StartupMessage for PostgreSQL, encoded: the user of the database, without what Redshift's drivers send. */
export function startupForPostgres(startup: StartupMessage, role: string): Buffer {
  const parameters = startup.parameters.filter(({ name }) => KNOWN.has(name.toString("latin1")));
  return encodeStartupMessage(
    replaceParameters({ minor: startup.minor, parameters }, { user: role }),
  );
}
