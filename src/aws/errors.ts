// Turns what the AWS SDK throws about identity into an RdsIamError: the cause, and the command to type.
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html

import { RdsIamError } from "../base/errors.ts";
import {
  checkHint,
  failure,
  type IdentityContext,
  innermost,
  readError,
  type Said,
  sentence,
} from "./sdk-error.ts";
import { NETWORK_REASONS } from "./network-error.ts";
import { clockRow, mfaRow, stsRow } from "./sts-errors.ts";

type Row = (said: Said, context: IdentityContext) => RdsIamError | undefined;

const ROWS: readonly Row[] = [
  mfaRow,
  loginRow,
  ssoRow,
  stsRow,
  clockRow,
  networkRow,
  certificateRow,
  portalRow,
  processRow,
  fileRow,
];

/** The RdsIamError for an SDK error; one that is an RdsIamError already is returned as it is. */
export function identityError(error: unknown, context: IdentityContext): RdsIamError {
  const known = innermost(error);
  if (known !== undefined) {
    return known;
  }
  const said = readError(error, context.secrets ?? []);
  for (const row of ROWS) {
    const found = row(said, context);
    if (found !== undefined) {
      return found;
    }
  }
  if (/Could not load credentials from any providers/.test(said.text)) {
    return new RdsIamError("no AWS credentials", {
      code: "ERR_CREDENTIALS",
      detail: "Neither the environment nor a default profile nor a metadata service gave any.",
      hint: "Name a profile with --profile NAME, or log in: aws sso login",
    });
  }
  return failure(context, said, { hint: checkHint(context) });
}

function loginRow(said: Said, context: IdentityContext): RdsIamError | undefined {
  const isSession =
    /SSO session|sso login|aws login|Token is expired|re-?authenticate|Failed to load (a )?token|Token validation failed/i.test(
      said.text,
    );
  if (
    !isSession &&
    !(context.loginProfile !== undefined && /UnauthorizedException/.test(said.name + said.text))
  ) {
    return undefined;
  }
  const profile = context.loginProfile ?? context.profile;
  const suffix = profile === undefined ? "" : ` --profile ${profile}`;
  const whose = profile === undefined ? "" : ` of profile "${profile}"`;
  return new RdsIamError(`the AWS login${whose} is missing or has expired`, {
    code: "ERR_CREDENTIALS",
    detail: sentence(said.text),
    hint: `Run: ${context.loginCommand ?? "aws sso login"}${suffix}`,
  });
}

function networkRow(said: Said, context: IdentityContext): RdsIamError | undefined {
  const isTimeout = /^(TimeoutError|AbortError)$/.test(said.name);
  const known = said.codes.find((code) => NETWORK_REASONS.has(code));
  if (known === undefined && !isTimeout) {
    return undefined;
  }
  const why = `${context.endpoint ?? "AWS"} cannot be reached`;
  return failure(context, said, {
    why,
    detail: `AWS was called, and ${NETWORK_REASONS.get(known ?? "ETIMEDOUT")}.`,
    hint: context.networkHint ?? "Check the network, the VPN and AWS_ENDPOINT_URL.",
  });
}

function certificateRow(said: Said, context: IdentityContext): RdsIamError | undefined {
  const code = said.codes.find((each) =>
    /^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|CERT_|ERR_TLS|ERR_SSL|UNKNOWN_ISSUER)/.test(each),
  );
  if (code === undefined) {
    return undefined;
  }
  return failure(context, said, {
    why: `the certificate of ${context.endpoint ?? "AWS"} cannot be verified`,
    detail: `TLS ended with ${code}.`,
    hint: "If a proxy inspects TLS here, name its CA file in NODE_EXTRA_CA_CERTS.",
  });
}

function portalRow(said: Said, context: IdentityContext): RdsIamError | undefined {
  if (
    !/Deserialization error|Invalid response from STS|Unexpected token|not valid JSON|XML|Unclosed tag/i.test(
      said.text,
    )
  ) {
    return undefined;
  }
  return failure(context, said, {
    why: `${context.endpoint ?? "AWS"} gave an answer that is not AWS's`,
    detail:
      "Something between here and AWS, such as a captive portal or a proxy, answered in its place.",
    hint: "Open a web page in a browser, log in to the network, then try again.",
  });
}

// The SDK's text has the whole command and its stderr in it; both may hold secrets, so neither is repeated.
function processRow(said: Said, context: IdentityContext): RdsIamError | undefined {
  if (!/^Command failed|credential_process/.test(said.text)) {
    return undefined;
  }
  const returned = /credential_process (returned .*|did not return .*)/.exec(said.text)?.[1];
  const profile = context.profile ?? "default";
  return new RdsIamError(`the credential_process of profile "${profile}" failed`, {
    code: "ERR_CREDENTIALS",
    detail: returned === undefined ? "It ended with an error." : `It ${returned}`,
    hint: `Run it by hand; see it with: aws configure get credential_process --profile ${profile}`,
  });
}

function ssoRow(said: Said, context: IdentityContext): RdsIamError | undefined {
  if (!/ForbiddenException|ResourceNotFoundException|No access/.test(`${said.name} ${said.text}`)) {
    return undefined;
  }
  return failure(context, said, {
    why: "SSO gives no access to that account and role",
    hint: "Check sso_account_id and sso_role_name; see what there is with: aws sso list-accounts, or in the AWS access portal.",
  });
}

function fileRow(said: Said, context: IdentityContext): RdsIamError | undefined {
  const found = /^(ENOENT|EACCES|EISDIR|ENOTDIR): ([^,]+), \w+ '?([^']*)'?$/.exec(said.text);
  if (found === null) {
    return undefined;
  }
  return failure(context, said, {
    why: `cannot read ${found[3] === "" ? "a file that it names" : found[3]}`,
    detail: `The system says: ${found[2]}.`,
    hint: "Correct web_identity_token_file (AWS_WEB_IDENTITY_TOKEN_FILE), or put the file there.",
  });
}
