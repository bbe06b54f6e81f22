// The package's own exports, for programs that open their connections themselves: tokens, and whole options of a driver, for
// node-postgres, postgres.js and what is built on them. What a program does not use is not loaded. Nothing here prints, asks or
// ends the process. The command line knows nothing of this file.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html
import process from "node:process";
import {
  isUrl,
  type Parameters,
  plainOptions,
  readKeywords,
  readUrl,
  requestIn,
  sourceIn,
} from "./library/connection-text.ts";
import type {
  AuthTokensOptions,
  ConnectionOptions,
  ConnectionRequest,
  PlainConnectionOptions,
  SigningOptions,
  TokenSource,
  TokenSources,
} from "./library/public.ts";
import { tokenSourceRegistry } from "./library/token-sources.ts";

export { type ErrorCode, type ErrorParts, RdsIamError } from "./base/errors.ts";
export type {
  AuthTokensOptions,
  AwsCredentials,
  ConnectionOptions,
  ConnectionRequest,
  PlainConnectionOptions,
  SigningOptions,
  TlsOptions,
  TokenRequest,
  TokenSource,
  TokenSources,
  Warning,
} from "./library/public.ts";

const registry = tokenSourceRegistry();

/** The token sources that `rdsiam=NAME` names. */
export const tokenSources: TokenSources = registry;

/**
 * Makes a function that gives auth tokens, for a driver's `password` option. Everything is resolved when the first token is
 * needed; a token is given again for up to ten minutes, as the command line does.
 */
export function authTokens(options: AuthTokensOptions = {}): () => Promise<string> {
  let token: Promise<() => Promise<string>> | undefined;
  return async () => {
    token ??= import("./library/access.ts").then(({ tokenFunction }) =>
      tokenFunction(withEnvironment(options), registry),
    );
    return (await token)();
  };
}

/** The whole configuration of a driver or pool for a target, or for a database that the options describe. */
export async function connectionOptions(
  target: string | ConnectionRequest,
  options: ConnectionRequest = {},
): Promise<ConnectionOptions> {
  const request = typeof target === "string" ? { ...options, target } : target;
  const { openConnection } = await import("./library/connection.ts");
  return openConnection(withEnvironment(request), registry);
}

/** The same for a URL with `rdsiam=NAME` in its query; any other URL is handed back for the driver to read. */
export async function parseUrl(
  url: string,
  options: ConnectionRequest = {},
): Promise<ConnectionOptions | PlainConnectionOptions> {
  return fromText(url, readUrl(url), options);
}

/** The same for a URL, or for libpq's `host=HOST user=USER rdsiam=NAME`. */
export async function parseConnectionString(
  text: string,
  options: ConnectionRequest = {},
): Promise<ConnectionOptions | PlainConnectionOptions> {
  return fromText(text, isUrl(text) ? readUrl(text) : readKeywords(text), options);
}

async function fromText(
  text: string,
  parameters: Parameters,
  options: ConnectionRequest,
): Promise<ConnectionOptions | PlainConnectionOptions> {
  if (sourceIn(parameters) === undefined) return plainOptions(text, parameters);
  return connectionOptions(requestIn(parameters, options));
}

/** A token source that signs with the given credentials, for tokenSources.add(). */
export function signingSource(options: SigningOptions = {}): TokenSource {
  let source: Promise<TokenSource> | undefined;
  return async (request) => {
    source ??= import("./library/access.ts").then((access) =>
      access.signingSource(withEnvironment(options)),
    );
    return (await source)(request);
  };
}

function withEnvironment<T extends SigningOptions>(options: T): T {
  return { ...options, env: options.env ?? process.env };
}
