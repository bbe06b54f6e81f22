// What the stand-ins for AWS's APIs share: an HTTP server that verifies each signature, and the query API's answers and
// errors, as XML with AWS's own texts.
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { listen } from "../base/listen.ts";
import type { Certificate } from "./certificates.ts";
import type { AccessKey, KeyStore } from "./keys.ts";
import { type SignatureFault, verifyAuthorization, verifyPresigned } from "./sigv4.ts";

const HOST = "127.0.0.1";
const LONGEST_BODY = 1_000_000; // bytes
const NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/";
const SKEW = 300_000; // ms
const INVALID_TOKEN = "The security token included in the request is invalid";
const EXPIRED_TOKEN = "The security token included in the request is expired";
const NO_MATCH =
  "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

/** An answer's HTTP status and body, and headers instead of those of the query API. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** A request whose body and signature have been read. */
export interface ApiRequest {
  readonly method: string;
  readonly action: string;
  readonly path: string;
  readonly parameters: URLSearchParams;
  readonly body: string;
  /** By their names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The key that signed it; undefined where it is unsigned or its signature is not valid. */
  readonly caller: AccessKey | undefined;
}

/** A stand-in for an AWS API. */
export interface ApiOptions {
  /** The service that requests must be signed for, and the Region; any when absent. */
  readonly service: string;
  readonly region?: string | undefined;
  readonly keys: KeyStore;
  readonly now?: (() => Date) | undefined;
  /** Serves HTTPS with it; HTTP when absent. */
  readonly certificate?: Certificate | undefined;
  /** Answers a request that is unsigned or has a valid signature. */
  readonly answer: (request: ApiRequest) => ApiAnswer | Promise<ApiAnswer>;
  /** Called with every request, valid or not, and the status of its answer. */
  readonly onAnswer?: ((request: ApiRequest, status: number) => void) | undefined;
}

/** A running stand-in. */
export interface Api extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, or `https://`, for AWS_ENDPOINT_URL_STS and others. */
  readonly endpoint: string;
}

/** Starts a stand-in on a free loopback port. */
export async function startApi(options: ApiOptions): Promise<Api> {
  const now = options.now ?? (() => new Date());
  const serve = async (...[request, response]: Parameters<RequestListener>): Promise<void> => {
    const body = await readBody(request);
    const answer =
      body === undefined
        ? makeFailure(413, "Sender", "too long")
        : await answerRequest(request, body, { ...options, now: now() });
    const headers = { "content-type": "text/xml", date: now().toUTCString(), ...answer.headers };
    response.writeHead(answer.status, headers).end(answer.body);
  };
  const listener: RequestListener = (request, response) => {
    serve(request, response).catch(() => response.destroy());
  };
  const { certificate } = options;
  const server =
    certificate === undefined ? createServer(listener) : createTlsServer(certificate, listener);
  const port = await listen(server, { host: HOST, port: 0 });
  return {
    endpoint: `${certificate === undefined ? "http" : "https"}://${HOST}:${port}`,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answerRequest(
  request: IncomingMessage,
  body: Buffer,
  options: Omit<ApiOptions, "now"> & { readonly now: Date },
): Promise<ApiAnswer> {
  const { keys, now, region, service } = options;
  const { method = "", url = "/" } = request;
  const [path = "/", query = ""] = url.split("?");
  const headers = new Map(
    Object.entries(request.headers).map(([name, value]) => [name, String(value)] as const),
  );
  const text = body.toString("utf8");
  const parameters = new URLSearchParams(method === "GET" ? query : text);
  const isPresigned = query.includes("X-Amz-Signature=");
  const verify = isPresigned ? verifyPresigned : verifyAuthorization;
  const verdict =
    isPresigned || headers.has("authorization")
      ? verify(
          { method, path, query, headers, body },
          { service, region, now, find: (accessKeyId) => keys.find(accessKeyId) },
        )
      : undefined;
  const caller = verdict?.ok === true ? verdict.key : undefined;
  const action = parameters.get("Action") ?? "";
  const read = { method, action, path, parameters, body: text, headers, caller };
  const signed = headers.get("x-amz-date") ?? parameters.get("X-Amz-Date") ?? "";
  const answer =
    verdict?.ok === false
      ? makeSignatureFailure(verdict.fault, { signed, now: now.getTime() })
      : await options.answer(read);
  options.onAnswer?.(read, answer.status);
  return answer;
}

// Undefined for a body that is too long.
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LONGEST_BODY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A successful answer; the result is a tree of elements. */
export function makeResult(action: string, result: XmlTree): ApiAnswer {
  const inner = `<${action}Result>${toXml(result)}</${action}Result>`;
  const metadata = `<ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata>`;
  const body = `<${action}Response xmlns="${NAMESPACE}">${inner}${metadata}</${action}Response>\n`;
  return { status: 200, body };
}

/** A failure, the caller's fault as all of ours are. */
export function makeFailure(status: number, code: string, message: string): ApiAnswer {
  const error = toXml({ Error: { Type: "Sender", Code: code, Message: message } });
  const body = `<ErrorResponse xmlns="${NAMESPACE}">${error}<RequestId>${randomUUID()}</RequestId></ErrorResponse>\n`;
  return { status, body };
}

/** An answer of an API whose answers are JSON. */
export function makeJson(
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = { "content-type": "application/x-amz-json-1.1" },
): ApiAnswer {
  return { status, body: JSON.stringify(body), headers };
}

/** The failure of a call that no policy allows the caller. */
export function makeDenial({ arn }: AccessKey, call: string, resource = "*"): ApiAnswer {
  const what = `User: ${arn} is not authorized to perform: ${call} on resource: ${resource}`;
  return makeFailure(403, "AccessDenied", what);
}

/** The failure of a request without a signature that needs one. */
export function makeUnsignedFailure(): ApiAnswer {
  return makeFailure(403, "MissingAuthenticationToken", "Request is missing Authentication Token");
}

/** The failure of a request for an operation that the stand-in does not have. */
export function makeUnknownAction(action: string): ApiAnswer {
  return makeFailure(400, "InvalidAction", `Could not find operation ${action}`);
}

function makeSignatureFailure(
  fault: SignatureFault,
  { now, signed }: { readonly signed: string; readonly now: number },
): ApiAnswer {
  const early = `${signed} is now earlier than ${compact(now - SKEW)} (${compact(now)} - 5 min.)`;
  const late = `${signed} is still later than ${compact(now + SKEW)} (${compact(now)} + 5 min.)`;
  const answers: Readonly<Record<SignatureFault, readonly [string, string]>> = {
    malformed: ["IncompleteSignature", "The request signature does not conform to AWS standards."],
    "unknown key": ["InvalidClientTokenId", `${INVALID_TOKEN}.`],
    "wrong session token": ["InvalidClientTokenId", INVALID_TOKEN],
    "credentials expired": ["ExpiredToken", EXPIRED_TOKEN],
    "wrong scope": ["SignatureDoesNotMatch", "Credential should be scoped to a valid region."],
    expired: ["SignatureDoesNotMatch", `Signature expired: ${early}`],
    "not yet valid": ["SignatureDoesNotMatch", `Signature not yet current: ${late}`],
    "wrong signature": ["SignatureDoesNotMatch", NO_MATCH],
  };
  const [code, message] = answers[fault];
  return makeFailure(fault === "malformed" ? 400 : 403, code, message);
}

/** An element's text, or the elements inside it. */
export interface XmlTree {
  readonly [name: string]: string | XmlTree;
}

function toXml(tree: XmlTree): string {
  return Object.entries(tree)
    .map(([name, value]) => {
      const inner = typeof value === "string" ? escape(value) : toXml(value);
      return `<${name}>${inner}</${name}>`;
    })
    .join("");
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

// 20261121T000000Z, as X-Amz-Date.
function compact(time: number): string {
  return new Date(time).toISOString().replace(/[-:]|\.\d+/g, "");
}
