// Calls an AWS API without its SDK client: a POST that is signed and sent here. It is for the few calls that rdsiam makes of a
// service whose client is large: EC2's alone would make the bundle half as large again.
// AWS's errors have AWS's code as their name.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

import { setTimeout as delay } from "node:timers/promises";
import { parseXML } from "@aws-sdk/xml-builder";
import { Sha256 } from "@smithy/core/checksum";
import { HttpRequest, type HttpResponse } from "@smithy/core/protocols";
import { SignatureV4 } from "@smithy/signature-v4";
import { serviceUrl } from "./endpoints.ts";
import { signingKeys } from "./keys.ts";
import { MAX_ATTEMPTS, rdsFailure, type AwsCaller } from "./rds-client.ts";
import { readText, sdkClientOptions } from "./sdk.ts";

const FIRST_WAIT = 100; // ms before a throttled call is made again, twice as long each time
const MAX_ANSWER = 16 * 1024 * 1024; // characters

// The services whose requests are forms and whose answers are XML, with the version of their API.
const QUERY_APIS = { ec2: "2016-11-15", iam: "2010-05-08", redshift: "2012-12-01" } as const;

// The services that take and give JSON, with what stands before the action in x-amz-target.
const JSON_APIS = {
  "ec2-instance-connect": "AWSEC2InstanceConnectService",
  kms: "TrentService",
  "redshift-serverless": "RedshiftServerless",
  secretsmanager: "secretsmanager",
} as const;

/** An element of an answer in XML, or an object of one in JSON. */
export type AnswerNode = Readonly<Record<string, unknown>>;

/** Calls a query API; resolves with the element ACTIONResponse. */
export async function queryCall(
  caller: AwsCaller,
  { service, action }: { readonly service: keyof typeof QUERY_APIS; readonly action: string },
  parameters: Readonly<Record<string, string>>,
): Promise<AnswerNode> {
  const words = { Action: action, Version: QUERY_APIS[service], ...parameters };
  const answer = await signedCall(caller, {
    service,
    headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
    body: new URLSearchParams(words).toString(),
  });
  const [response = {}] = elements(parseXML(answer), `${action}Response`);
  return response;
}

/** Calls a JSON API; resolves with the answer's object. */
export async function jsonCall(
  caller: AwsCaller,
  { service, action }: { readonly service: keyof typeof JSON_APIS; readonly action: string },
  request: object,
): Promise<AnswerNode> {
  const answer = await signedCall(caller, {
    service,
    headers: {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": `${JSON_APIS[service]}.${action}`,
    },
    body: JSON.stringify(request),
  });
  return parseAnswer(answer);
}

// The parser's own error would quote a secret.
function parseAnswer(answer: string): AnswerNode {
  try {
    return JSON.parse(answer) as AnswerNode;
  } catch {
    throw new Error("Deserialization error: the answer is not JSON");
  }
}

/** The elements at a path; the XML parser gives one as an object, several as an array, none as an empty text. */
export function elements(node: unknown, ...path: readonly string[]): readonly AnswerNode[] {
  const [name, ...rest] = path;
  if (name === undefined) return isNode(node) ? [node] : [];
  const found = isNode(node) ? node[name] : undefined;
  return (Array.isArray(found) ? found : [found]).flatMap((each) => elements(each, ...rest));
}

/** The text at a path. */
export function text(node: unknown, ...path: readonly string[]): string | undefined {
  let each = node;
  for (const name of path) each = isNode(each) ? each[name] : undefined;
  return typeof each === "string" ? each : undefined;
}

function isNode(value: unknown): value is AnswerNode {
  return typeof value === "object" && value !== null;
}

interface SignedCall {
  readonly service: keyof typeof JSON_APIS | keyof typeof QUERY_APIS;
  /** Header fields beside those of every request, with names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

// Again while it is throttled.
async function signedCall(caller: AwsCaller, call: SignedCall): Promise<string> {
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
  { calls, credentials, region }: AwsCaller,
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
  const text = await readText(response.body, MAX_ANSWER);
  if (response.statusCode !== 200) throw refusal(response, text);
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
