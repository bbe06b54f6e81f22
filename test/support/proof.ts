// Requests to a relay as rdsiam's own client makes them, with a proof that can be made wrong in one place.
import { Buffer } from "node:buffer";
import { presignIdentity } from "../../src/aws/presigned-identity.ts";
import { ENDPOINT } from "./relay-server-scene.ts";

const KEYS = {
  accessKeyId: "AKIDEXAMPLE000000000",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};

/** A CONNECT request with further header fields. */
export function connectRequest(host: string, port: number, ...fields: readonly string[]): string {
  const place = `${host}:${port}`;
  return `${[`CONNECT ${place} HTTP/1.1`, `Host: ${place}`, ...fields].join("\r\n")}\r\n\r\n`;
}

/** The nonce of a challenge. */
export function nonceOf(head: string): string {
  return /nonce="([\w-]+)"/.exec(head)?.[1] ?? "";
}

/** A proof for a nonce. */
export function proofUrl(nonce: string, relay = "localhost"): Promise<string> {
  const fields = { "x-rdsiam-relay": relay, "x-rdsiam-nonce": nonce };
  return presignIdentity(KEYS, { endpoint: ENDPOINT, region: "eu-west-1" }, fields);
}

/** The header fields that answer a challenge; `change` may spoil the presigned URL. */
export async function proofFields(
  nonce: string,
  change: (url: string) => string = (url) => url,
  relay = "localhost",
): Promise<string[]> {
  const encoded = Buffer.from(change(await proofUrl(nonce, relay)), "latin1").toString("base64url");
  return [`X-Rdsiam-Relay: ${relay}`, `Proxy-Authorization: RDSIAM-STS ${encoded}`];
}
