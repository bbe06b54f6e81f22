// Authenticates us to the backend, from its first Authentication request to AuthenticationOk. An IAM auth token goes to
// AuthenticationCleartextPassword alone; a password answers cleartext, MD5, SCRAM-SHA-256 and Redshift's digest. All of it over
// verified TLS.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP
// https://www.postgresql.org/docs/current/auth-password.html
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { RdsIamError } from "../base/errors.ts";
import {
  encodeDigestResponse,
  encodePasswordMessage,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  readAuthenticationDigest,
  readAuthenticationName,
  readAuthenticationSasl,
  readMd5Salt,
  readSaslData,
} from "../protocol/authentication.ts";
import { readErrorFields } from "../protocol/error-response.ts";
import { type Message, MessageError } from "../protocol/message.ts";
import { BackendRefusal } from "./failure.ts";
import { type ScramProof, startScramProof } from "./scram.ts";

const MAX_AUTHENTICATION_LENGTH = 2_000; // fe-connect.c, PQconnectPoll: CONNECTION_AWAITING_RESPONSE
const MAX_ERROR_LENGTH = 30_000; // MAX_ERRLEN, fe-connect.c
const MECHANISM = "SCRAM-SHA-256";

/** A user and a database. */
export interface DatabaseUser {
  readonly user: string;
  readonly database: string;
}

/** A password for one login. */
export interface IssuedPassword {
  readonly password: string;
  /** Whom it logs in, where the provider chooses the user. */
  readonly user?: string | undefined;
  /** Whether an earlier login had it too; never with `fresh`. */
  readonly reused: boolean;
  /** Whether the server may want another one instead, which `fresh` gives. */
  readonly isGuess?: boolean | undefined;
  /** To be called when the login worked. */
  readonly accepted?: (() => unknown) | undefined;
}

/** Where the passwords of logins come from. */
export interface PasswordProvider {
  /** An auth token answers AuthenticationCleartextPassword alone, a password any method. */
  readonly kind: "auth token" | "password";
  /** Whether the user's name comes with the password: then that one is logged in, and asked for before the StartupMessage. */
  readonly choosesUser?: boolean | undefined;
  /** Called when the backend asks for it, once in each login; `fresh` after one that was refused. */
  readonly get: (
    who: DatabaseUser,
    options: { readonly fresh: boolean },
  ) => Promise<IssuedPassword>;
}

/** The login to authenticate. */
export interface Authentication {
  readonly host: string;
  readonly user: string;
  readonly kind: PasswordProvider["kind"];
  /** Called once the backend asks for it. */
  readonly password: () => Promise<string>;
}

/** The most bytes that a message of a type may have before AuthenticationOk. */
export function loginLimit(type: string): number {
  if (type === "R" || type === "v") return MAX_AUTHENTICATION_LENGTH;
  return type === "E" || type === "N" ? MAX_ERROR_LENGTH : 0;
}

/** Answers the messages that `take` gives up to AuthenticationOk; resolves with the NoticeResponses that came before it. */
export async function authenticate(
  login: Authentication,
  take: () => Promise<Message>,
  send: (bytes: Buffer) => void,
): Promise<Buffer[]> {
  const notices: Buffer[] = [];
  const seen = new Set<string>();
  const answers = login.kind === "password" ? answerWithPassword(login) : answerWithToken(login);
  let isAnswered = false;
  for (;;) {
    const message = await take();
    if (message.type === "E")
      throw new BackendRefusal(message.body, readErrorFields(message.body), isAnswered);
    if (message.type === "N") {
      notices.push(message.bytes);
      continue;
    }
    const step = message.type === "v" ? "v" : readAuthenticationName(message.body);
    if (step === "AuthenticationOk") {
      if (answers.isDone()) return notices;
      throw notProven(login);
    }
    if (seen.has(step)) throw new MessageError(`${step} came twice`);
    seen.add(step);
    if (step === "v") continue;
    const answer = await answers.answer(step, message.body);
    if (answer === undefined) throw otherMethod(login, step);
    if (answer.length > 0) send(answer);
    isAnswered = true;
  }
}

/** The answers to one backend's Authentication requests, in the order in which they come. */
export interface Answers {
  /** What to send; nothing for AuthenticationSASLFinal, undefined for a method that is not answered. */
  readonly answer: (step: string, body: Buffer) => Promise<Buffer | undefined>;
  /** Whether AuthenticationOk may come now: not while a proof of the backend's own is due. */
  readonly isDone: () => boolean;
}

function answerWithToken({ password }: Authentication): Answers {
  const answer: Answers["answer"] = async (step) =>
    step === "AuthenticationCleartextPassword"
      ? encodePasswordMessage(await password())
      : undefined;
  return { answer, isDone: () => true };
}

/** Answers cleartext, MD5, SCRAM-SHA-256 and Redshift's digest; `answer` rejects with MessageError for a message that is wrong. */
export function answerWithPassword({
  user,
  password,
}: Pick<Authentication, "user" | "password">): Answers {
  let method: string | undefined;
  let proof: ScramProof | undefined;
  let isProven = false;
  const answer = async (step: string, body: Buffer): Promise<Buffer | undefined> => {
    const isContinued = step.startsWith("AuthenticationSASL") && step !== "AuthenticationSASL";
    // What was begun with a proof is not ended with the password itself.
    if (!isContinued && method !== undefined)
      throw new MessageError(`${step} came after ${method}`);
    method ??= step;
    switch (step) {
      case "AuthenticationCleartextPassword":
        return encodePasswordMessage(await password());
      case "AuthenticationMD5Password":
        return encodePasswordMessage(md5Password(user, await password(), body));
      case "AuthenticationDigest":
        return redshiftDigest(await password(), body);
      case "AuthenticationSASL":
        if (readAuthenticationSasl(body)?.includes(MECHANISM) !== true) return undefined;
        proof = startScramProof(await password());
        return encodeSaslInitialResponse(MECHANISM, proof.clientFirst);
      case "AuthenticationSASLContinue": {
        const final = await proof?.answer(readSaslData(body));
        if (final === undefined) throw new MessageError("AuthenticationSASLContinue was malformed");
        return encodeSaslResponse(final);
      }
      case "AuthenticationSASLFinal":
        isProven = proof?.isServerProven(readSaslData(body)) === true;
        return Buffer.alloc(0);
      default:
        return undefined;
    }
  };
  return { answer, isDone: () => proof === undefined || isProven };
}

// `md5` and the hash of the hash of password and user name with the salt; src/common/md5_common.c.
function md5Password(user: string, password: string, body: Buffer): string {
  const salt = readMd5Salt(body);
  if (salt === undefined) throw new MessageError("AuthenticationMD5Password has no salt");
  const inner = createHash("md5").update(password).update(user).digest("hex");
  return `md5${createHash("md5").update(inner).update(salt).digest("hex")}`;
}

// The digest of the digest of password and salt, with both nonces; ours is the time, as in AWS's own drivers.
// https://github.com/aws/amazon-redshift-python-driver/blob/master/redshift_connector/utils/extensible_digest.py
function redshiftDigest(password: string, body: Buffer): Buffer | undefined {
  const request = readAuthenticationDigest(body);
  if (request === undefined) return undefined;
  const clientNonce = Buffer.from(String(Date.now()));
  const inner = createHash("sha256").update(password).update(request.salt).digest();
  const outer = createHash("sha256").update(inner).update(request.serverNonce).update(clientNonce);
  return encodeDigestResponse(outer.digest(), clientNonce);
}

function otherMethod({ host, user, kind }: Authentication, step: string): RdsIamError {
  if (kind === "password") {
    return new RdsIamError(`${host} does not accept a password for this user`, {
      code: "ERR_LOGIN",
      detail: `It requested ${step}.`,
      hint: "A password answers the methods password, md5 and scram-sha-256 of the server's pg_hba.conf.",
    });
  }
  return new RdsIamError(`${host} does not accept an IAM auth token for this user`, {
    code: "ERR_LOGIN",
    detail: `It requested ${step}, not AuthenticationCleartextPassword. The user has not been granted rds_iam, or does not exist. No auth token was sent.`,
    hint: `As an administrator of the database: GRANT rds_iam TO "${user.replaceAll('"', '""')}";`,
  });
}

// RFC 5802: the last word in SCRAM is the server's.
function notProven({ host }: Authentication): RdsIamError {
  return new RdsIamError(`${host} did not prove that it knows the password`, {
    code: "ERR_LOGIN",
    detail: "With SCRAM-SHA-256 both sides prove it, but this server did not.",
    hint: "Check that the host is the database's, and that no other server answers in its place.",
  });
}
