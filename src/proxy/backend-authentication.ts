// How we prove ourselves to the backend, from its first Authentication request to AuthenticationOk. What may be sent depends
// on what there is: an IAM auth token goes to AuthenticationCleartextPassword alone, a password answers any method.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP
import type { Buffer } from "node:buffer";
import { RdsIamError } from "../base/errors.ts";
import { encodePasswordMessage, readAuthenticationName } from "../protocol/authentication.ts";
import { readErrorFields } from "../protocol/error-response.ts";
import { type Message, MessageError } from "../protocol/message.ts";
import { type Answers, answerWithPassword } from "./backend-password.ts";
import { BackendRefusal } from "./failure.ts";

const MAX_AUTHENTICATION_LENGTH = 2_000; // fe-connect.c, PQconnectPoll: CONNECTION_AWAITING_RESPONSE
const MAX_ERROR_LENGTH = 30_000; // MAX_ERRLEN, fe-connect.c

/** What a login is made with; `get` is called once, when the backend asks for it. */
export interface LoginSecret {
  readonly kind: "auth token" | "password";
  readonly get: () => Promise<string>;
}

/** Who logs in, and where. */
export interface Authenticating {
  readonly host: string;
  readonly user: string;
  readonly secret: LoginSecret;
}

/** The connection to the backend, a message at a time. */
export interface MessageStream {
  readonly take: () => Promise<Message>;
  readonly send: (bytes: Buffer) => void;
}

/** The most bytes that a message of a type may have before AuthenticationOk. */
export function loginLimit(type: string): number {
  if (type === "R" || type === "v") return MAX_AUTHENTICATION_LENGTH;
  return type === "E" || type === "N" ? MAX_ERROR_LENGTH : 0;
}

/** Answers up to AuthenticationOk; resolves with the NoticeResponses that came before it. */
export async function authenticate(
  who: Authenticating,
  { take, send }: MessageStream,
): Promise<Buffer[]> {
  const notices: Buffer[] = [];
  const seen = new Set<string>();
  const answers = answersOf(who);
  for (;;) {
    const message = await take();
    if (message.type === "E") throw new BackendRefusal(message.body, readErrorFields(message.body));
    if (message.type === "N") {
      notices.push(message.bytes);
      continue;
    }
    const step = message.type === "v" ? "v" : readAuthenticationName(message.body);
    if (step === "AuthenticationOk") {
      if (answers.isDone()) return notices;
      throw notProven(who);
    }
    if (seen.has(step)) throw new MessageError(`${step} came twice`);
    seen.add(step);
    if (step === "v") continue;
    const answer = await answers.answer(step, message.body);
    if (answer === undefined) throw otherMethod(who, step);
    if (answer.length > 0) send(answer);
  }
}

function answersOf({ secret, user }: Authenticating): Answers {
  if (secret.kind === "password") return answerWithPassword({ user, password: secret.get });
  const answer: Answers["answer"] = async (step) =>
    step === "AuthenticationCleartextPassword"
      ? encodePasswordMessage(await secret.get())
      : undefined;
  return { answer, isDone: () => true };
}

function otherMethod({ host, user, secret }: Authenticating, step: string): RdsIamError {
  if (secret.kind === "password") {
    return new RdsIamError(`${host} does not take a password for this user`, {
      code: "ERR_LOGIN",
      detail: `It asked for ${step}.`,
      hint: "A password answers the methods password, md5 and scram-sha-256 of the server's pg_hba.conf.",
    });
  }
  return new RdsIamError(`${host} does not take an IAM auth token for this user`, {
    code: "ERR_LOGIN",
    detail: `It asked for ${step}, not AuthenticationCleartextPassword. The user has not been granted rds_iam, or does not exist. No auth token was sent.`,
    hint: `As an administrator of the database: GRANT rds_iam TO "${user.replaceAll('"', '""')}";`,
  });
}

// RFC 5802: the last word in SCRAM is the server's.
function notProven({ host }: Authenticating): RdsIamError {
  return new RdsIamError(`${host} did not prove that it knows the password`, {
    code: "ERR_LOGIN",
    detail: "With SCRAM-SHA-256 both sides prove it; this server let the login pass without.",
    hint: "Check that the host is the database's, and that nobody answers in its place.",
  });
}
