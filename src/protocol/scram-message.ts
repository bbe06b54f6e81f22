// The texts of SCRAM-SHA-256, as both sides read them. No cryptography here.
// https://www.rfc-editor.org/rfc/rfc5802#section-7, https://www.postgresql.org/docs/current/sasl-authentication.html
import { Buffer } from "node:buffer";

/** A client-first-message: the gs2 header comes back in client-final as `c=`. */
export interface ClientFirst {
  readonly gs2Header: string;
  /** What the client says of channel binding: none, none because the server has not offered it, tls-server-end-point. */
  readonly bindingFlag: "n" | "y" | "p";
  readonly bare: string;
  readonly nonce: string;
}

/** A client-final-message. */
export interface ClientFinal {
  readonly channelBinding: string;
  readonly nonce: string;
  readonly proof: Buffer;
  readonly withoutProof: string;
}

/** A server-first-message. */
export interface ServerFirst {
  readonly nonce: string;
  readonly salt: Buffer;
  readonly iterations: number;
}

/** Decodes the body of SASLInitialResponse; undefined when it is malformed. */
export function readSaslInitialResponse(
  body: Buffer,
): { readonly mechanism: string; readonly data: string } | undefined {
  const nameEnd = body.indexOf(0);
  if (nameEnd < 0 || body.length < nameEnd + 5) return undefined;
  const dataLength = body.readInt32BE(nameEnd + 1);
  if (dataLength !== body.length - nameEnd - 5) return undefined;
  const mechanism = body.toString("latin1", 0, nameEnd);
  return { mechanism, data: body.toString("latin1", nameEnd + 5) };
}

/** Decodes a client-first-message; undefined for a channel binding other than tls-server-end-point, an authzid, `m=` or anything malformed. */
export function readClientFirst(text: string): ClientFirst | undefined {
  const match =
    /^((?:[ny]|p=tls-server-end-point),,)(n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/s.exec(text);
  const [, gs2Header, bare, nonce] = match ?? [];
  if (gs2Header === undefined || bare === undefined || nonce === undefined) return undefined;
  const flag = gs2Header.charAt(0);
  return { gs2Header, bindingFlag: flag === "p" ? "p" : flag === "y" ? "y" : "n", bare, nonce };
}

/** Decodes a client-final-message; undefined when it is malformed. */
export function readClientFinal(text: string): ClientFinal | undefined {
  const match = /^(c=([A-Za-z0-9+/=]+),r=([^,]+)(?:,[^,]*)*),p=([A-Za-z0-9+/]{43}=)$/s.exec(text);
  const [, withoutProof, binding, nonce, proof] = match ?? [];
  if (
    withoutProof === undefined ||
    binding === undefined ||
    nonce === undefined ||
    proof === undefined
  )
    return undefined;
  return {
    channelBinding: Buffer.from(binding, "base64").toString("latin1"),
    nonce,
    proof: Buffer.from(proof, "base64"),
    withoutProof,
  };
}

/** Decodes a server-first-message; undefined when it is malformed or has an extension that must be understood (`m=`). */
export function readServerFirst(text: string): ServerFirst | undefined {
  const match =
    /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9]\d{0,9})(?:,.*)?$/s.exec(text);
  const [, nonce, salt, iterations] = match ?? [];
  if (nonce === undefined || salt === undefined || iterations === undefined) return undefined;
  return { nonce, salt: Buffer.from(salt, "base64"), iterations: Number(iterations) };
}

/** The server's signature in a server-final-message; undefined when it is malformed or an error (`e=`). */
export function readServerSignature(text: string): Buffer | undefined {
  const [, signature] = /^v=([A-Za-z0-9+/]{43}=)(?:,.*)?$/s.exec(text) ?? [];
  return signature === undefined ? undefined : Buffer.from(signature, "base64");
}
