// What the stand-in for STS says: AWS's query API answers and errors, as XML with AWS's own texts.
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
import { randomUUID } from "node:crypto";

import type { SignatureFault } from "./sigv4.ts";

const NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/";

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

/** What AWS says about a signature that is wrong in this way. */
export function makeSignatureFailure(
  fault: SignatureFault,
  times: { readonly signed: string; readonly now: Date },
): StsAnswer {
  const invalidToken = "The security token included in the request is invalid";
  const now = compact(times.now.getTime());
  switch (fault) {
    case "malformed":
      return makeFailure(400, "IncompleteSignature", "The request signature does not conform to AWS standards.");
    case "unknown key":
      return makeFailure(403, "InvalidClientTokenId", `${invalidToken}.`);
    case "wrong session token":
      return makeFailure(403, "InvalidClientTokenId", invalidToken);
    case "credentials expired":
      return makeFailure(403, "ExpiredToken", "The security token included in the request is expired");
    case "wrong scope":
      return makeFailure(403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region.");
    case "expired":
      return makeFailure(
        403,
        "SignatureDoesNotMatch",
        `Signature expired: ${times.signed} is now earlier than ${compact(times.now.getTime() - 300_000)} (${now} - 5 min.)`,
      );
    case "not yet valid":
      return makeFailure(
        403,
        "SignatureDoesNotMatch",
        `Signature not yet current: ${times.signed} is still later than ${compact(times.now.getTime() + 300_000)} (${now} + 5 min.)`,
      );
    case "wrong signature":
      return makeFailure(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
      );
  }
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
