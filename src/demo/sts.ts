// The stand-in for AWS STS: an HTTP server that verifies each request's signature and answers
// AssumeRole and GetCallerIdentity. The keys that it gives out are known to the gateway too.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
import { Buffer } from "node:buffer";
import { createServer } from "node:http";
import type { IncomingMessage, Server } from "node:http";

import { listen } from "../base/listen.ts";
import { randomId } from "./keys.ts";
import type { AccessKey, KeyStore } from "./keys.ts";
import {
  type SignatureVerdict,
  type SignedRequest,
  verifyAuthorization,
  verifyPresigned,
} from "./sigv4.ts";
import { makeAccessDenied, makeFailure, makeResult, makeSignatureFailure } from "./sts-answer.ts";
import type { StsAnswer } from "./sts-answer.ts";
import { checkConditions, checkDuration, checkForm, DEFAULT_SESSION } from "./sts-conditions.ts";
import type { Role } from "./sts-conditions.ts";

const HOST = "127.0.0.1";
const LONGEST_BODY = 1_000_000;
const SECRET_PARAMETERS = new Set(["TokenCode", "WebIdentityToken"]);

/** One request that was answered. */
export interface StsCall {
  readonly action: string;
  /** The parameters, without an MFA code or a web identity token. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly caller: string | undefined;
  readonly status: number;
}

/** What the stand-in knows. */
export interface StsOptions {
  readonly keys: KeyStore;
  readonly roles?: Readonly<Record<string, Role>> | undefined;
  /** The only Region that requests may be signed for; any when absent. */
  readonly region?: string | undefined;
  readonly now?: (() => Date) | undefined;
}

/** Starts the stand-in for STS on a free loopback port. */
export async function startSts(options: StsOptions): Promise<StsStandIn> {
  const sts = new StsStandIn(options);
  await sts.listen();
  return sts;
}

/** The running stand-in: its endpoint, its roles and what it was asked. */
export class StsStandIn {
  readonly calls: StsCall[] = [];
  readonly roles: Map<string, Role>;
  readonly #options: StsOptions;
  readonly #server: Server;
  // A role keeps its unique id for as long as it lives.
  readonly #roleIds = new Map<string, string>();
  #endpoint = "";

  constructor(options: StsOptions) {
    this.#options = options;
    this.roles = new Map(Object.entries(options.roles ?? {}));
    this.#server = createServer((request, response) => {
      void readBody(request).then(
        (body) => {
          const answer =
            body === undefined
              ? makeFailure(413, "Sender", "too long")
              : this.#answer(request, body);
          const date = this.#now().toUTCString();
          response.writeHead(answer.status, { "content-type": "text/xml", date });
          response.end(answer.body);
        },
        () => response.destroy(),
      );
    });
  }

  /** `http://127.0.0.1:PORT`, for AWS_ENDPOINT_URL_STS. */
  get endpoint(): string {
    return this.#endpoint;
  }

  /** How often an action was called. */
  count(action: string): number {
    return this.calls.filter((call) => call.action === action).length;
  }

  /** Binds the port. */
  async listen(): Promise<void> {
    const port = await listen(this.#server, { host: HOST, port: 0 });
    this.#endpoint = `http://${HOST}:${port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #now(): Date {
    return this.#options.now?.() ?? new Date();
  }

  #answer(request: IncomingMessage, body: Buffer): StsAnswer {
    const [path = "/", query = ""] = (request.url ?? "/").split("?");
    const isGet = request.method === "GET";
    const parameters = new URLSearchParams(isGet ? query : body.toString("utf8"));
    const headers = new Map(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)] as const),
    );
    const verdict = this.#verify({ method: request.method ?? "", path, query, headers, body });
    const answer =
      verdict === undefined
        ? this.#performUnsigned(parameters)
        : verdict.ok
          ? this.#perform(verdict.key, parameters)
          : makeSignatureFailure(verdict.fault, {
              signed: headers.get("x-amz-date") ?? parameters.get("X-Amz-Date") ?? "",
              now: this.#now(),
            });
    this.calls.push({
      action: parameters.get("Action") ?? "",
      parameters: Object.fromEntries(
        [...parameters].filter(([name]) => !SECRET_PARAMETERS.has(name) && !/^X-Amz-/i.test(name)),
      ),
      caller: verdict?.ok === true ? verdict.key.arn : undefined,
      status: answer.status,
    });
    return answer;
  }

  // Undefined for a request without a signature.
  #verify(request: SignedRequest): SignatureVerdict | undefined {
    const isPresigned = request.query.includes("X-Amz-Signature=");
    if (!isPresigned && !request.headers.has("authorization")) return undefined;
    return (isPresigned ? verifyPresigned : verifyAuthorization)(request, {
      service: "sts",
      region: this.#options.region,
      find: (accessKeyId) => this.#options.keys.find(accessKeyId),
      now: this.#now(),
    });
  }

  #perform(caller: AccessKey, parameters: URLSearchParams): StsAnswer {
    const action = parameters.get("Action") ?? "";
    if (action === "GetCallerIdentity") {
      const [, , , , account = ""] = caller.arn.split(":");
      return makeResult(action, { UserId: caller.userId, Account: account, Arn: caller.arn });
    }
    if (action === "AssumeRole") return this.#assumeRole(caller, parameters);
    return makeFailure(400, "InvalidAction", `Could not find operation ${action}`);
  }

  // The one call that brings its own proof instead of a signature.
  #performUnsigned(parameters: URLSearchParams): StsAnswer {
    const action = "AssumeRoleWithWebIdentity";
    if (parameters.get("Action") !== action) {
      const message = "Request is missing Authentication Token";
      return makeFailure(403, "MissingAuthenticationToken", message);
    }
    const arn = parameters.get("RoleArn") ?? "";
    const role = this.roles.get(arn);
    const token = role?.webIdentityToken;
    if (token === undefined || parameters.get("WebIdentityToken")?.trim() !== token) {
      const message = "Couldn't retrieve verification key from your identity provider";
      return makeFailure(400, "InvalidIdentityToken", message);
    }
    const session = parameters.get("RoleSessionName") ?? "";
    return this.#issue(arn, { action, duration: DEFAULT_SESSION, role, session });
  }

  #assumeRole(caller: AccessKey, parameters: URLSearchParams): StsAnswer {
    const arn = parameters.get("RoleArn") ?? "";
    const role = this.roles.get(arn);
    const duration = Number(parameters.get("DurationSeconds") ?? DEFAULT_SESSION);
    const refusal =
      checkForm(parameters) ??
      (role === undefined
        ? makeAccessDenied(caller.arn, "sts:AssumeRole", arn)
        : checkConditions(caller, role, parameters)) ??
      checkDuration(duration, { chained: caller.sessionToken !== undefined, role });
    if (refusal !== undefined) return refusal;
    const session = parameters.get("RoleSessionName") ?? "";
    return this.#issue(arn, { action: "AssumeRole", duration, role, session });
  }

  #issue(
    arn: string,
    wanted: {
      readonly action: string;
      readonly duration: number;
      readonly role: Role | undefined;
      readonly session: string;
    },
  ): StsAnswer {
    const [, partition = "aws", , , account = "", path = ""] = arn.split(":");
    const name = path.split("/").at(-1) ?? "";
    const roleId = this.#roleIds.get(arn) ?? randomId("AROA");
    this.#roleIds.set(arn, roleId);
    const expiration = new Date(this.#now().getTime() + wanted.duration * 1000);
    const key = this.#options.keys.createSessionKey({
      arn: `arn:${partition}:sts::${account}:assumed-role/${name}/${wanted.session}`,
      userId: `${roleId}:${wanted.session}`,
      databaseUsers: wanted.role?.databaseUsers,
      expiration,
    });
    return makeResult(wanted.action, {
      AssumedRoleUser: { AssumedRoleId: key.userId, Arn: key.arn },
      Credentials: {
        AccessKeyId: key.accessKeyId,
        SecretAccessKey: key.secretAccessKey,
        SessionToken: key.sessionToken ?? "",
        Expiration: expiration.toISOString().replace(/\.\d+/, ""),
      },
    });
  }
}

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
