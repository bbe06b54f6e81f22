// Calls an AWS API without its SDK client: a POST that is signed and sent here. It is for the few calls that rdsiam makes of a
// service whose client is large: EC2's alone would make the bundle half as large again.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

import { setTimeout as delay } from "node:timers/promises";
import { Sha256 } from "@smithy/core/checksum";
import { HttpRequest, type HttpResponse } from "@smithy/core/protocols";
import { SignatureV4 } from "@smithy/signature-v4";
import { type CalledService, serviceUrl } from "./endpoints.ts";
import { signingKeys } from "./keys.ts";
import { MAX_ATTEMPTS, rdsFailure, type RdsCaller } from "./rds-client.ts";
import { sdkClientOptions } from "./sdk.ts";

const FIRST_WAIT = 100; // ms before a throttled call is made again, twice as long each time
const MAX_ANSWER = 16 * 1024 * 1024; // characters

/** A request to an API. */
export interface SignedCall {
  readonly service: Exclude<CalledService, "dsql" | "rds" | "ssm" | "sts">;
  /** Header fields beside those of every request, with names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Makes a call, again while it is throttled, and resolves with the answer's body; AWS's errors have AWS's code as their name. */
export async function signedCall(caller: RdsCaller, call: SignedCall): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sendOnce(caller, call);
    } catch (error) {
      if (rdsFailure(error) !== "throttled" || attempt === MAX_ATTEMPTS) throw error;
      await delay(FIRST_WAIT * 2 ** (attempt - 1));
    }
  }
}

async function sendOnce(
  { calls, credentials, region }: RdsCaller,
  { service, headers, body }: SignedCall,
): Promise<string> {
  const { host, hostname, pathname, port, protocol } = new URL(serviceUrl(service, region, calls));
  const { requestHandler } = await sdkClientOptions(calls);
  const request = new HttpRequest({
    method: "POST",
    protocol,
    hostname,
    ...(port === "" ? {} : { port: Number(port) }),
    path: pathname,
    headers: { host, ...headers },
    body,
  });
  const keys = signingKeys(await credentials());
  const signer = new SignatureV4({ service, region, credentials: keys, sha256: Sha256 });
  const signed = await signer.sign(request);
  const { response } = await requestHandler.handle(signed as HttpRequest);
  const text = await readText(response.body as AsyncIterable<Uint8Array>);
  if (response.statusCode !== 200) throw refusal(response, text);
  return text;
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_ANSWER) throw new Error("the answer is too long");
  }
  return text;
}

// As the SDK's own errors are read: the name, the text, and the answer's Date. XML of EC2's, JSON of others.
function refusal(response: HttpResponse, body: string): Error {
  const [, code = ""] =
    /<Code>([\w.]{1,100})<\/Code>/.exec(body) ??
    /"__type"\s*:\s*"(?:[\w.]*#)?(\w{1,100})"/.exec(body) ??
    [];
  const [, text = ""] =
    /<Message>([^<]*)<\/Message>/.exec(body) ?? /"[Mm]essage"\s*:\s*"([^"]*)"/.exec(body) ?? [];
  const error = new Error(
    code === ""
      ? `Deserialization error: HTTP status ${response.statusCode} without an error code`
      : // A thousand characters that only sts:DecodeAuthorizationMessage can read.
        text.replace(/\s*Encoded authorization failure message:.*$/s, ""),
  );
  if (code !== "") error.name = code;
  return Object.defineProperty(error, "$response", { value: response });
}
