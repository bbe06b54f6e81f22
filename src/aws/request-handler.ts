// How an AWS request is sent: through the environment's proxy, with the user's CA bundle, and never without a limit.
// The SDK knows no proxy variables on Node 20 and no AWS_CA_BUNDLE, and its time limits end with the first byte of the
// answer. Each attempt has agents of its own, so that nothing stays open and the proxy's answer belongs to one attempt.
// https://docs.aws.amazon.com/sdk-for-javascript/v3/developer-guide/node-configuring-proxies.html

import { Agent } from "node:https";
import tls from "node:tls";
import type { Environment } from "../base/context.ts";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { HttpsProxyAgent } from "https-proxy-agent";
import type { RdsIamError } from "../base/errors.ts";
import type { CaBundle } from "./ca-bundle.ts";
import { type Attempt, networkError, tunnelRefused } from "./network-error.ts";
import { type ProxySetting, proxySetting } from "./proxy-setting.ts";

/** How requests are sent. */
export interface Network {
  readonly env: Environment;
  readonly bundle: CaBundle | undefined;
  /** Milliseconds: to connect, and for a whole call with its retries. */
  readonly limits: { readonly connect: number; readonly whole: number };
}

// Whatever NODE_TLS_REJECT_UNAUTHORIZED says: in another program's process it cannot be taken out of the environment.
const VERIFIED = { rejectUnauthorized: true } as const;

type Request = Parameters<NodeHttpHandler["handle"]>[0];
type HandleOptions = NonNullable<Parameters<NodeHttpHandler["handle"]>[1]>;
type Answer = Awaited<ReturnType<NodeHttpHandler["handle"]>>;

/** The request handler of every SDK client here. */
export class AwsRequestHandler extends NodeHttpHandler {
  /** The last failure that is explained here better than by the SDK, some of whose parts drop the cause. */
  failure: RdsIamError | undefined;
  /** How far the clock here was ahead of AWS's at the first answer, in ms; negative when it was behind. Exact to about a second. */
  clockAhead: number | undefined;
  readonly #network: Network;
  // A call's retries share its id, and its end.
  readonly #ends = new Map<string, AbortSignal>();

  constructor(network: Network) {
    super();
    this.#network = network;
  }

  override async handle(request: Request, options: HandleOptions = {}): Promise<Answer> {
    this.failure = undefined;
    const limit = this.#endOf(request);
    const given = options.abortSignal;
    const abortSignal = given instanceof AbortSignal ? AbortSignal.any([given, limit]) : limit;
    const attempt = startAttempt(request, this.#network);
    const before = Date.now();
    try {
      const answer = await attempt.inner.handle(attempt.request, { ...options, abortSignal });
      this.clockAhead ??= clockAhead(answer.response.headers, (before + Date.now()) / 2);
      const status = answer.response.statusCode;
      const refusal = attempt.refusal(status);
      if (refusal !== undefined) {
        throw refusal;
      }
      return answer;
    } catch (error) {
      this.failure = attempt.explain(error);
      if (this.failure !== undefined && this.failure !== error) {
        // The SDK decides by the error's own name and code whether to try again; the cause is for the user.
        Object.defineProperty(error, "cause", { value: this.failure, configurable: true });
      }
      throw error;
    }
  }

  #endOf(request: Request): AbortSignal {
    const id = request.headers["amz-sdk-invocation-id"] ?? "";
    const end = this.#ends.get(id) ?? AbortSignal.timeout(this.#network.limits.whole);
    if (id !== "" && !this.#ends.has(id)) {
      this.#ends.set(id, end);
    }
    return end;
  }
}

function clockAhead(headers: Readonly<Record<string, string>>, here: number): number | undefined {
  // A Date header has whole seconds, cut off: on average half of one is missing.
  const there = Date.parse(headers["date"] ?? "") + 500;
  return Number.isNaN(there) ? undefined : Math.round(here - there);
}

interface Started {
  readonly inner: NodeHttpHandler;
  readonly request: Request;
  /** The error for an answer that is the proxy's own refusal. */
  readonly refusal: (status: number) => RdsIamError | undefined;
  /** The error to report for one that was thrown. */
  readonly explain: (error: unknown) => RdsIamError | undefined;
}

function startAttempt(request: Request, network: Network): Started {
  const { limits } = network;
  const isTls = request.protocol === "https:";
  const port = request.port ?? (isTls ? 443 : 80);
  const { hostname, protocol } = request;
  const { agent, attempt } = serviceAgent({ protocol, hostname, port }, network);
  const { proxy } = attempt();
  let refused: RdsIamError | undefined;
  return {
    inner: new NodeHttpHandler({
      connectionTimeout: limits.connect,
      requestTimeout: limits.whole,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: false },
      httpsAgent: agent,
    }),
    request: proxy === undefined || isTls ? request : absoluteForm(request, proxy),
    refusal: (status) => {
      const { tunnelStatus } = attempt();
      const isRefused = isTls ? tunnelStatus !== undefined && tunnelStatus !== 200 : status === 407;
      refused = isRefused ? tunnelRefused(attempt(), tunnelStatus ?? status) : undefined;
      return refused;
    },
    explain: (error) => refused ?? networkError(error, attempt()),
  };
}

/** An agent for TLS with a service, and how its attempt stands. */
export interface ServiceAgent {
  readonly agent: Agent;
  readonly attempt: () => Attempt;
}

/** Makes the agent for one call: through the proxy that the environment has for it, verified with the bundle. */
export function serviceAgent(
  call: { readonly protocol: string; readonly hostname: string; readonly port: number },
  { bundle, env }: Pick<Network, "bundle" | "env">,
): ServiceAgent {
  const isTls = call.protocol === "https:";
  const proxy = proxySetting(call, env);
  const service =
    call.port === (isTls ? 443 : 80) ? call.hostname : `${call.hostname}:${call.port}`;
  const ca = bundle === undefined ? undefined : [...bundle.certificates];
  let tunnelStatus: number | undefined;
  const agent =
    proxy === undefined || !isTls
      ? new Agent({ ...VERIFIED, keepAlive: false, ...(ca === undefined ? {} : { ca }) })
      : tunnelAgent(proxy, ca, (status) => (tunnelStatus = status));
  return { agent, attempt: () => ({ service, proxy, tunnelStatus, bundle }) };
}

function tunnelAgent(
  proxy: ProxySetting,
  ca: string[] | undefined,
  onAnswer: (status: number) => void,
): HttpsProxyAgent<string> {
  // The login goes as a header, not in the URL: the library prints its URL where DEBUG is set.
  const headers =
    proxy.authorization === undefined ? {} : { "Proxy-Authorization": proxy.authorization };
  const agent = new HttpsProxyAgent(proxy.url.href, {
    ...VERIFIED,
    keepAlive: false,
    headers,
    // These are for the proxy's own certificate, where it has one.
    ...(ca === undefined ? {} : { ca: [...ca, ...tls.rootCertificates] }),
  });
  // And these for the service's at the other end of the tunnel.
  agent.options = { ...agent.options, ...VERIFIED, ...(ca === undefined ? {} : { ca }) };
  agent.on("proxyConnect", (answer: { readonly statusCode: number }) =>
    onAnswer(answer.statusCode),
  );
  return agent;
}

// Without TLS the proxy is sent the whole URL. https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
function absoluteForm(request: Request, proxy: ProxySetting): Request {
  const copy = request.clone();
  const host =
    request.port === undefined ? request.hostname : `${request.hostname}:${request.port}`;
  copy.path = `http://${host}${request.path}`;
  copy.protocol = proxy.url.protocol;
  copy.hostname = proxy.url.hostname;
  copy.port = Number(proxy.url.port || (proxy.url.protocol === "https:" ? 443 : 80));
  if (proxy.authorization !== undefined) {
    copy.headers["proxy-authorization"] = proxy.authorization;
  }
  return copy;
}
