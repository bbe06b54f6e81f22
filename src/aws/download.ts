// Downloads a file over the network as it is set up for AWS calls: HTTPS_PROXY, AWS_CA_BUNDLE, and a limit for the whole.
import { Buffer } from "node:buffer";
import type { Readable } from "node:stream";
import tls from "node:tls";
import { HttpRequest } from "@smithy/core/protocols";
import type { Environment } from "../base/context.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { loadCaBundle } from "./ca-bundle.ts";
import { NETWORK_REASONS } from "./network-error.ts";
import { AwsRequestHandler } from "./request-handler.ts";

/** What is downloaded, and how. */
export interface DownloadOptions {
  readonly env: Environment;
  readonly accept: string;
  /** The value of Authorization for a URL; of each one that a redirection leads to, too. */
  readonly authorization: (url: URL) => string | undefined;
  /** In bytes. */
  readonly longest: number;
  readonly signal: AbortSignal;
}

const LIMITS = { connect: 10_000, whole: 600_000 }; // 50 MB at 1 Mbit/s take 7 minutes
const REDIRECTIONS = 5;

/** Downloads a URL's content; an AWS_CA_BUNDLE adds to the built-in roots here, as the host is not AWS's. */
export async function download(from: string, options: DownloadOptions): Promise<Buffer> {
  const bundle = await loadCaBundle(options.env, undefined);
  const network = {
    env: options.env,
    bundle: bundle && {
      ...bundle,
      certificates: [...bundle.certificates, ...tls.rootCertificates],
    },
    limits: LIMITS,
  };
  let url = new URL(from);
  for (let left = REDIRECTIONS; left >= 0; left -= 1) {
    const handler = new AwsRequestHandler(network);
    try {
      const { response } = await handler.handle(requestFor(url, options), {
        abortSignal: options.signal,
      });
      const body = response.body as Readable;
      const target = response.headers["location"];
      if (response.statusCode < 300 || response.statusCode > 399 || target === undefined)
        return await readBody(body, { ...options, url, response });
      body.destroy();
      const next = new URL(target, url);
      if (url.protocol === "https:" && next.protocol !== "https:")
        throw failed(url, "it redirects to a URL without TLS");
      url = next;
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof RdsIamError) throw error;
      if (handler.failure !== undefined) throw handler.failure;
      const code = errorCode(error, error instanceof Error ? error.name : undefined);
      throw failed(url, NETWORK_REASONS.get(code) ?? code, error);
    }
  }
  throw failed(url, "too many redirects");
}

function requestFor(url: URL, { accept, authorization }: DownloadOptions): HttpRequest {
  const login = authorization(url);
  return new HttpRequest({
    protocol: url.protocol,
    hostname: url.hostname,
    ...(url.port === "" ? {} : { port: Number(url.port) }),
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    method: "GET",
    headers: { host: url.host, accept, ...(login === undefined ? {} : { authorization: login }) },
  });
}

interface BodyOptions extends Pick<DownloadOptions, "longest" | "signal"> {
  readonly url: URL;
  readonly response: { readonly statusCode: number; readonly headers: Record<string, string> };
}

async function readBody(body: Readable, options: BodyOptions): Promise<Buffer> {
  const { longest, response, signal, url } = options;
  const end = AbortSignal.any([signal, AbortSignal.timeout(LIMITS.whole)]);
  const stop = (): void => void body.destroy(end.reason as Error);
  end.addEventListener("abort", stop);
  try {
    if (response.statusCode !== 200) throw failed(url, `status ${response.statusCode}`);
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > longest) throw failed(url, "the answer is too long");
      chunks.push(chunk);
    }
    if (Number(response.headers["content-length"] ?? length) !== length)
      throw failed(url, "the answer was cut off");
    return Buffer.concat(chunks);
  } finally {
    end.removeEventListener("abort", stop);
    body.destroy();
  }
}

function failed(url: URL, reason: string, cause?: unknown): RdsIamError {
  return new RdsIamError(`cannot fetch ${url.origin}${url.pathname}: ${reason}`, {
    code: "ERR_CONNECT",
    hint: "Check the network, the VPN and HTTPS_PROXY.",
    cause,
  });
}
