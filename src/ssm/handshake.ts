// The handshake of a session: the agent tells its version and asks for actions, and the answer tells a version too, which decides
// what the agent does: from 1.1.70 on it carries several connections in one session.
// https://github.com/aws/session-manager-plugin/blob/mainline/src/message/handshakemessage.go

import { Buffer } from "node:buffer";
import { SessionCipher } from "./cipher.ts";
import { fieldsOf, readFields } from "./message.ts";

/** The version of the Session Manager plugin whose rules are followed here. */
export const CLIENT_VERSION = "1.3.0.0";

const SUCCESS = 1;
const FAILED = 2;
const UNSUPPORTED = 3;

/** A data key of AWS KMS; the plaintext is a secret. */
export interface DataKey {
  readonly plaintext: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** Has a data key made by a key of AWS KMS. */
export type MakeDataKey = (keyId: string) => Promise<DataKey>;

/** The answer to a handshake request, and what is known from then on. */
export interface HandshakeAnswer {
  readonly response: Buffer;
  readonly agentVersion: string;
  readonly cipher: SessionCipher | undefined;
  /** Why the session cannot go on; the agent gets the response nevertheless. */
  readonly failure: Error | undefined;
}

interface ProcessedAction {
  readonly status: number;
  readonly result?: Readonly<Record<string, unknown>> | undefined;
  readonly failure?: Error | undefined;
  readonly cipher?: SessionCipher | undefined;
}

/** Does what a handshake request asks for. */
export async function answerHandshake(
  request: Buffer,
  makeDataKey: MakeDataKey,
): Promise<HandshakeAnswer> {
  const { AgentVersion, RequestedClientActions } = readFields(request);
  const actions: unknown[] = Array.isArray(RequestedClientActions) ? RequestedClientActions : [];
  const processed = [];
  let failure: Error | undefined;
  let cipher: SessionCipher | undefined;
  for (const each of actions) {
    const { ActionType, ActionParameters } = fieldsOf(each);
    const done = await processAction(String(ActionType), fieldsOf(ActionParameters), makeDataKey);
    failure ??= done.failure;
    cipher ??= done.cipher;
    processed.push({
      ActionType,
      ActionStatus: done.status,
      ActionResult: done.result ?? null,
      Error: done.failure?.message ?? "",
    });
  }
  const response = {
    ClientVersion: CLIENT_VERSION,
    ProcessedClientActions: processed,
    Errors: failure === undefined ? null : [failure.message],
  };
  const agentVersion = typeof AgentVersion === "string" ? AgentVersion : "";
  return { response: Buffer.from(JSON.stringify(response)), agentVersion, cipher, failure };
}

async function processAction(
  type: string,
  parameters: Readonly<Record<string, unknown>>,
  makeDataKey: MakeDataKey,
): Promise<ProcessedAction> {
  switch (type) {
    case "SessionType":
      return checkSessionType(parameters);
    case "KMSEncryption":
      return setUpEncryption(String(parameters["KMSKeyId"]), makeDataKey);
    default:
      return {
        status: UNSUPPORTED,
        failure: new Error(`The agent asks for ${type}, which is not supported.`),
      };
  }
}

function checkSessionType(parameters: Readonly<Record<string, unknown>>): ProcessedAction {
  const type = String(parameters["SessionType"]);
  const forwarding = String(fieldsOf(parameters["Properties"])["type"]);
  if (type === "Port" && forwarding === "LocalPortForwarding") return { status: SUCCESS };
  return {
    status: FAILED,
    failure: new Error(`The agent opened a session of type ${type} that forwards no port.`),
  };
}

async function setUpEncryption(keyId: string, makeDataKey: MakeDataKey): Promise<ProcessedAction> {
  try {
    const { ciphertext, plaintext } = await makeDataKey(keyId);
    const result = {
      KMSCipherTextKey: Buffer.from(ciphertext).toString("base64"),
      KMSCipherTextHash: null,
    };
    return { status: SUCCESS, result, cipher: new SessionCipher(plaintext) };
  } catch (error) {
    return { status: FAILED, failure: error as Error };
  }
}

/** Answers an encryption challenge: decrypted with the agent's key, encrypted with ours. */
export function answerChallenge(request: Buffer, cipher: SessionCipher): Buffer {
  const challenge = Buffer.from(String(readFields(request)["Challenge"]), "base64");
  const answer = cipher.encrypt(cipher.decrypt(challenge));
  return Buffer.from(JSON.stringify({ Challenge: answer.toString("base64") }));
}

/** Whether a version of four numbers is above another; false for what is not one. */
export function isAbove(version: string, floor: string): boolean {
  if (!/^\d+(?:\.\d+){3}$/.test(version)) return false;
  const [ours, theirs] = [version, floor].map((text) => text.split(".").map(Number));
  for (const [index, number] of (ours ?? []).entries()) {
    const other = theirs?.[index] ?? 0;
    if (number !== other) return number > other;
  }
  return false;
}
