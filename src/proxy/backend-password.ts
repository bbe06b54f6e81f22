// Answers whatever password method the backend asks for: cleartext, MD5 or SCRAM-SHA-256. For passwords that are no IAM
// auth tokens; all of it goes over verified TLS.
// https://www.postgresql.org/docs/current/auth-password.html
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { encodePasswordMessage, readAuthenticationSasl } from "../protocol/authentication.ts";
import { MessageError } from "../protocol/message.ts";
import {
  encodeSaslInitialResponse,
  encodeSaslResponse,
  readMd5Salt,
  readSaslData,
} from "../protocol/password.ts";
import { type ScramProof, startScramProof } from "./scram-client.ts";

const MECHANISM = "SCRAM-SHA-256";

/** Whose password it is; `password` is called once the backend asks for one. */
export interface PasswordLogin {
  readonly user: string;
  readonly password: () => Promise<string>;
}

/** The answers to one backend's Authentication requests, in the order in which they come. */
export interface Answers {
  /** What to send; nothing for AuthenticationSASLFinal, undefined for a method that is not answered. */
  readonly answer: (step: string, body: Buffer) => Promise<Buffer | undefined>;
  /** Whether AuthenticationOk may come now: not while a proof of the backend's own is due. */
  readonly isDone: () => boolean;
}

/** Starts answering with a password; `answer` rejects with MessageError for a message that is wrong. */
export function answerWithPassword({ user, password }: PasswordLogin): Answers {
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
      case "AuthenticationSASL":
        if (readAuthenticationSasl(body)?.includes(MECHANISM) !== true) return undefined;
        proof = startScramProof(await password());
        return encodeSaslInitialResponse(MECHANISM, proof.clientFirst);
      case "AuthenticationSASLContinue":
        return encodeSaslResponse(await continued(proof, body));
      case "AuthenticationSASLFinal":
        isProven = proof?.isServerProven(readSaslData(body)) === true;
        return Buffer.alloc(0);
      default:
        return undefined;
    }
  };
  return { answer, isDone: () => proof === undefined || isProven };
}

async function continued(proof: ScramProof | undefined, body: Buffer): Promise<string> {
  const final = await proof?.answer(readSaslData(body));
  if (final === undefined) throw new MessageError("AuthenticationSASLContinue was malformed");
  return final;
}

// `md5` and the hash of the hash of password and user name with the salt; src/common/md5_common.c.
function md5Password(user: string, password: string, body: Buffer): string {
  const salt = readMd5Salt(body);
  if (salt === undefined) throw new MessageError("AuthenticationMD5Password has no salt");
  const inner = createHash("md5").update(password).update(user).digest("hex");
  return `md5${createHash("md5").update(inner).update(salt).digest("hex")}`;
}
