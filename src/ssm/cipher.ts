// The encryption of a session where the account demands it: AES-256-GCM with the halves of a data key of AWS KMS, a nonce of 12
// bytes before each ciphertext and the tag after it.
// https://github.com/aws/session-manager-plugin/blob/mainline/src/encryption/encrypter.go

import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const ALGORITHM = "aes-256-gcm";
const NONCE = 12; // bytes
const TAG = 16; // bytes

/** Bytes of a data key: one half for each direction. */
export const DATA_KEY_LENGTH = 64;

/** Encrypts and decrypts the payloads of a session. */
export class SessionCipher {
  readonly #ours: Buffer;
  readonly #theirs: Buffer;

  /** Takes the plaintext of the data key: the agent encrypts with the first half. */
  constructor(key: Uint8Array) {
    const bytes = Buffer.from(key);
    if (bytes.length !== DATA_KEY_LENGTH) throw new Error("AWS KMS gave a key of another length.");
    this.#theirs = bytes.subarray(0, DATA_KEY_LENGTH / 2);
    this.#ours = bytes.subarray(DATA_KEY_LENGTH / 2);
  }

  /** Encrypts a payload for the agent. */
  encrypt(plaintext: Buffer): Buffer {
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv(ALGORITHM, this.#ours, nonce);
    return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  }

  /** Decrypts a payload of the agent's; throws when it is not what the agent encrypted. */
  decrypt(payload: Buffer): Buffer {
    if (payload.length < NONCE + TAG) throw new Error("The payload is too short.");
    const decipher = createDecipheriv(ALGORITHM, this.#theirs, payload.subarray(0, NONCE), {
      authTagLength: TAG,
    });
    decipher.setAuthTag(payload.subarray(-TAG));
    const text = decipher.update(payload.subarray(NONCE, -TAG));
    return Buffer.concat([text, decipher.final()]);
  }
}
