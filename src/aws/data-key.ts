// Has AWS KMS make the data key that a session of Systems Manager is encrypted with, where the account's preferences demand it.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html

import { Buffer } from "node:buffer";
import { type AwsCaller, rdsError } from "./rds-client.ts";
import { jsonCall } from "./signed-call.ts";

const WAYS =
  "The Region's preferences of Session Manager demand encryption; the instance needs kms:Decrypt on the same key.";

/** What a data key is for: both ends name it, and KMS compares. */
export interface DataKeyRequest {
  readonly keyId: string;
  /** In bytes. */
  readonly length: number;
  readonly sessionId: string;
  readonly target: string;
}

/** Makes a data key; the plaintext is a secret. Every failure is an RdsIamError. */
export async function generateDataKey(
  { keyId, length, sessionId, target }: DataKeyRequest,
  caller: AwsCaller,
): Promise<{ readonly plaintext: Buffer; readonly ciphertext: Buffer }> {
  const call = { service: "kms", action: "GenerateDataKey" } as const;
  try {
    const { CiphertextBlob, Plaintext } = await jsonCall(caller, call, {
      KeyId: keyId,
      NumberOfBytes: length,
      EncryptionContext: { "aws:ssm:SessionId": sessionId, "aws:ssm:TargetId": target },
    });
    if (typeof CiphertextBlob !== "string" || typeof Plaintext !== "string") {
      throw new Error("Deserialization error: the answer has no key");
    }
    return {
      plaintext: Buffer.from(Plaintext, "base64"),
      ciphertext: Buffer.from(CiphertextBlob, "base64"),
    };
  } catch (error) {
    throw rdsError(error, caller, { ...call, ways: WAYS });
  }
}
