// Has AWS KMS make the data key that a session of Systems Manager is encrypted with, where the account's preferences demand it.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html

import { Buffer } from "node:buffer";
import { rdsError } from "./rds-client.ts";
import { signedCall } from "./signed-call.ts";
import type { SsmCaller } from "./ssm-session.ts";

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
  caller: SsmCaller,
): Promise<{ readonly plaintext: Buffer; readonly ciphertext: Buffer }> {
  const request = {
    KeyId: keyId,
    NumberOfBytes: length,
    EncryptionContext: { "aws:ssm:SessionId": sessionId, "aws:ssm:TargetId": target },
  };
  try {
    const answer = await signedCall(caller, {
      service: "kms",
      headers: {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "TrentService.GenerateDataKey",
      },
      body: JSON.stringify(request),
    });
    const { CiphertextBlob, Plaintext } = JSON.parse(answer) as Readonly<Record<string, unknown>>;
    if (typeof CiphertextBlob !== "string" || typeof Plaintext !== "string") {
      throw new Error("Deserialization error: the answer has no key");
    }
    return {
      plaintext: Buffer.from(Plaintext, "base64"),
      ciphertext: Buffer.from(CiphertextBlob, "base64"),
    };
  } catch (error) {
    throw rdsError(error, caller, { service: "kms", action: "GenerateDataKey", ways: WAYS });
  }
}
