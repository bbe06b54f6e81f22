// Presigned URLs (SigV4 in the query). Import this file late: the SDK's signer comes with it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

import { encodePart } from "../base/database-url.ts";
import { Sha256 } from "@smithy/core/checksum";
import { HttpRequest } from "@smithy/core/protocols";
import { SignatureV4 } from "@smithy/signature-v4";
import { type AwsKeys, signingKeys } from "./keys.ts";

/** A GET request to sign. */
export interface PresignRequest {
  /** `https://HOST[:PORT]`, without a path. */
  readonly endpoint: string;
  readonly service: string;
  readonly region: string;
  /** `/` when absent. */
  readonly path?: string | undefined;
  readonly query: Readonly<Record<string, string>>;
  /** Header fields that are signed beside `host`, with names in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** How long the URL is good for. */
  readonly seconds: number;
}

/** Signs a GET request; the URL is a secret. */
export async function presignUrl(
  keys: AwsKeys,
  { endpoint, service, region, path = "/", query, headers = {}, seconds }: PresignRequest,
): Promise<string> {
  const { host, hostname, port, protocol } = new URL(endpoint);
  const credentials = signingKeys(keys);
  const signer = new SignatureV4({ service, region, credentials, sha256: Sha256 });
  const request = new HttpRequest({
    method: "GET",
    protocol,
    hostname,
    ...(port === "" ? {} : { port: Number(port) }),
    path,
    query: { ...query },
    headers: { host, ...headers },
  });
  const signed = await signer.presign(request, {
    expiresIn: seconds,
    // Without this the signer moves what begins with x-amz- only; our fields have to stay headers, and signed.
    unhoistableHeaders: new Set(Object.keys(headers)),
  });
  return `${endpoint}${path}?${encodeQuery(signed.query as Readonly<Record<string, string>>)}`;
}

// As SigV4 wants it: all but RFC 3986's unreserved characters.
function encodeQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${encodePart(name)}=${encodePart(value)}`)
    .join("&");
}
