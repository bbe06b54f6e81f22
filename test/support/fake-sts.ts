// A stand-in for STS on loopback that records what it was asked and answers what a test wants.
import { createServer } from "node:http";
import process from "node:process";
import { text } from "node:stream/consumers";
import { listen } from "./listen.ts";

/** One answer of the stand-in. */
export interface StsAnswer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

/** Marked secrets: no text may ever have one of them. */
export const SECRETS = [
  "SECRETKEY-source-0001",
  "SECRETKEY-issued-0002",
  "SESSIONTOKEN-issued-0003",
  "SECRETPROC-0004",
] as const;

/** Frees this process of the machine's own AWS settings; the SDK looks at process.env by itself. */
export function cleanProcessEnvironment(): void {
  for (const name of Object.keys(process.env)) {
    if (name.startsWith("AWS_")) {
      delete process.env[name];
    }
  }
  process.env["HOME"] = "/nonexistent";
  process.env["AWS_EC2_METADATA_DISABLED"] = "true";
}

/** AssumeRole's own answer, with credentials that end at the given time. */
export function granted(expiration: string): StsAnswer {
  const body = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><AssumedRoleId>AROA:s</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn></AssumedRoleUser>
<Credentials><AccessKeyId>ASIAISSUED</AccessKeyId><SecretAccessKey>${SECRETS[1]}</SecretAccessKey>
<SessionToken>${SECRETS[2]}</SessionToken><Expiration>${expiration}</Expiration></Credentials>
</AssumeRoleResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleResponse>`;
  return { status: 200, body };
}

/** An error in STS's own form. */
export function refused(code: string, message: string, status = 403): StsAnswer {
  const body = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>1</RequestId></ErrorResponse>`;
  return { status, body };
}

/** Starts the stand-in; `answer` is called for each request with its parameters. */
export async function startSts(answer: (parameters: URLSearchParams) => StsAnswer | undefined) {
  const requests: { readonly parameters: URLSearchParams; readonly authorization: string }[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const parameters = new URLSearchParams(body);
      requests.push({ parameters, authorization: request.headers.authorization ?? "" });
      const found = answer(parameters);
      if (found === undefined) {
        request.socket.destroy();
        return;
      }
      response
        .writeHead(found.status, { "content-type": found.type ?? "text/xml" })
        .end(found.body);
    });
  });
  const running = await listen(server);
  return { ...running, url: `http://127.0.0.1:${running.port}`, requests };
}
