// The replies of the stand-in for STS: results and errors of AWS's query API, as XML with AWS's own texts.
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
import { randomUUID } from "node:crypto";

import type { SignatureFault } from "./sigv4.ts";

const NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/";
const SKEW = 300_000;
const INVALID_TOKEN = "The security token included in the request is invalid";
const EXPIRED_TOKEN = "The security token included in the request is expired";
const NO_MATCH =
  "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

/** An answer's HTTP status and body. */
export interface StsAnswer {
  readonly status: number;
  readonly body: string;
}

/** A successful answer; the result is a tree of elements. */
export function makeResult(action: string, result: XmlTree): StsAnswer {
  const inner = `<${action}Result>${toXml(result)}</${action}Result>`;
  const metadata = `<ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata>`;
  const body = `<${action}Response xmlns="${NAMESPACE}">${inner}${metadata}</${action}Response>\n`;
  return { status: 200, body };
}

/** A failure, the caller's fault as all of ours are. */
export function makeFailure(status: number, code: string, message: string): StsAnswer {
  const error = toXml({ Error: { Type: "Sender", Code: code, Message: message } });
  const body = `<ErrorResponse xmlns="${NAMESPACE}">${error}<RequestId>${randomUUID()}</RequestId></ErrorResponse>\n`;
  return { status, body };
}

/** AWS's "not authorized" for one action on one resource. */
export function makeAccessDenied(arn: string, action: string, resource: string): StsAnswer {
  const message = `User: ${arn} is not authorized to perform: ${action} on resource: ${resource}`;
  return makeFailure(403, "AccessDenied", message);
}

/** AWS's words for a value that breaks a rule of the API. */
export function makeValidationError(name: string, value: string, rule: string): StsAnswer {
  const message = `1 validation error detected: Value '${value}' at '${name}' failed to satisfy constraint: ${rule}`;
  return makeFailure(400, "ValidationError", message);
}

/** AWS's error for a signature that is wrong in this way. */
export function makeSignatureFailure(
  fault: SignatureFault,
  times: { readonly signed: string; readonly now: Date },
): StsAnswer {
  const now = times.now.getTime();
  const early = `${times.signed} is now earlier than ${compact(now - SKEW)} (${compact(now)} - 5 min.)`;
  const late = `${times.signed} is still later than ${compact(now + SKEW)} (${compact(now)} + 5 min.)`;
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
