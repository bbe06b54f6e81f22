// Stand-ins for the places next to STS that credentials come from: the metadata services of EC2 and ECS, and SSO's portal.
import { createServer, type IncomingMessage } from "node:http";
import type { AccessKey } from "../../src/demo/keys.ts";
import { listen, type Running } from "./listen.ts";

/** Proofs that the services ask for. */
export const PROOFS = {
  imds: "IMDSTOKEN-marked-0001",
  container: "CONTAINERTOKEN-marked-0002",
  sso: "SSOACCESSTOKEN-marked-0003",
} as const;

/** The running services. */
export interface AwsServices extends Running {
  readonly url: string;
  /** Paths that were asked, without queries. */
  readonly asked: string[];
  /** The services answer nothing any more, and leave connections open. */
  hang: boolean;
}

/** Starts the services; `key` makes the credentials that they give out. */
export async function startAwsServices(key: (service: string) => AccessKey): Promise<AwsServices> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? "").replace(/\?.*/, "");
    asked.push(path);
    if (services.hang) return;
    const body = answer(request, path, key);
    const json = { "content-type": "application/json" };
    if (body === undefined) {
      // SSO's words for a token that it does not know.
      response.writeHead(401, { ...json, "x-amzn-errortype": "UnauthorizedException" });
      response.end(`{"message":"Session token not found or invalid"}`);
      return;
    }
    if (body === NO_ACCESS)
      response.writeHead(403, { ...json, "x-amzn-errortype": "ForbiddenException" });
    response.end(body);
  });
  const running = await listen(server);
  const url = `http://127.0.0.1:${running.port}`;
  const services: AwsServices = { ...running, url, asked, hang: false };
  return services;
}

const NO_ACCESS = `{"message":"No access"}`;

function answer(
  { method, headers, url }: IncomingMessage,
  path: string,
  key: (service: string) => AccessKey,
): string | undefined {
  const roles = "/latest/meta-data/iam/security-credentials/";
  if (path === "/latest/api/token") return method === "PUT" ? PROOFS.imds : undefined;
  if (path.startsWith(roles)) {
    if (headers["x-aws-ec2-metadata-token"] !== PROOFS.imds) return undefined;
    return path === roles ? "instance" : metadata(key("instance"));
  }
  if (path === "/container") {
    return headers.authorization === PROOFS.container ? metadata(key("container")) : undefined;
  }
  if (path === "/federation/credentials") {
    if (headers["x-amz-sso_bearer_token"] !== PROOFS.sso) return undefined;
    if (url?.includes("role_name=nobody")) return NO_ACCESS;
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = key("sso");
    const roleCredentials = {
      accessKeyId,
      secretAccessKey,
      sessionToken,
      expiration: expiration?.getTime(),
    };
    return JSON.stringify({ roleCredentials });
  }
  return undefined;
}

function metadata({ accessKeyId, secretAccessKey, sessionToken, expiration }: AccessKey): string {
  return JSON.stringify({
    Code: "Success",
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    Token: sessionToken,
    Expiration: expiration?.toISOString(),
  });
}
