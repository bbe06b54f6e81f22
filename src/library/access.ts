// A program's options, resolved: the settings and the endpoint of a database, and a function that gives auth tokens for it.
import { authTokenSource, type AuthTokenSource } from "../aws/token-cache.ts";
import type { CredentialSource } from "../aws/credentials.ts";
import { RdsIamError } from "../base/errors.ts";
import { AUTO_SECRET, type LoadedTargets } from "../config/targets.ts";
import { isDsql, isRedshift, parseEndpoint } from "../rds/endpoint.ts";
import { openCredentials, type RunCredentials } from "../session/credentials.ts";
import { type DatabaseEndpoint, findEndpoint, typedEndpoint } from "../session/endpoint.ts";
import { openSecret, withSecret } from "../session/secret.ts";
import { loadConfiguration } from "../session/settings.ts";
import { type LibraryContext, libraryContext } from "./context.ts";
import type {
  AwsCredentials,
  ConnectionRequest,
  SigningOptions,
  TokenRequest,
  TokenSource,
} from "./public.ts";
import { type LibrarySettings, librarySettings, noUser, otherWays } from "./settings.ts";
import { DEFAULT_SOURCE, once, type TokenSourceRegistry } from "./token-sources.ts";

/** Access to one database. */
export interface Access {
  readonly context: LibraryContext;
  readonly settings: LibrarySettings;
  /** Where the database is, found anew at each call. */
  readonly locate: () => Promise<DatabaseEndpoint>;
  /** Gives a token for an endpoint, or the secret's password. */
  readonly token: (endpoint: DatabaseEndpoint) => Promise<string>;
}

// An alias may be moved while a pool lives; tokens are made anew after ten minutes too.
const ENDPOINT_LIFE = 600_000; // ms

// A driver does not tell that a password was refused; RDS rotates it every seven days.
const SECRET_LIFE = 60_000; // ms

// A program has a handful of databases; one that makes up names must not fill the memory.
const MOST_DATABASES = 64;

/** Resolves the options with files and environment alone, and with the secret where that is to say what is missing. */
export async function openAccess(
  request: ConnectionRequest,
  sources: Pick<TokenSourceRegistry, "find">,
): Promise<Access> {
  const context = libraryContext(request);
  return context.guard(async () => {
    const { locate, settings, token } = await openSigning(context, request);
    return {
      context,
      settings,
      locate,
      token: async ({ host, port, region }) => {
        // Looked up now: it may have been registered, or replaced, since the pool was made.
        const source = sources.find(request.rdsiam ?? DEFAULT_SOURCE) ?? token;
        return source({ host, port, region, user: settings.user });
      },
    };
  });
}

/** The function behind authTokens(): everything is resolved when the first token is needed. */
export function tokenFunction(
  request: ConnectionRequest,
  sources: Pick<TokenSourceRegistry, "find">,
): () => Promise<string> {
  const open = once(() => openAccess(request, sources));
  let found: { readonly endpoint: DatabaseEndpoint; readonly since: number } | undefined;
  const locate = async (access: Access): Promise<DatabaseEndpoint> => {
    const age = Date.now() - (found?.since ?? Number.NEGATIVE_INFINITY);
    if (found !== undefined && age >= 0 && age <= ENDPOINT_LIFE) return found.endpoint;
    try {
      found = { endpoint: await access.locate(), since: Date.now() };
    } catch (error) {
      // A name server that fails for a while is no reason to stop logging in.
      if (found === undefined) throw error;
    }
    return found.endpoint;
  };
  return async () => {
    const access = await open();
    return access.context.guard(async () => access.token(await locate(access)));
  };
}

/** The source that signs with given credentials for any database; its options need none. */
export function signingSource(options: ConnectionRequest): TokenSource {
  const context = libraryContext(options);
  const open = once(({ host, user }: TokenRequest) =>
    openSigning(context, { ...options, host, user }),
  );
  return (request) =>
    context.guard(async () => {
      const { token } = await open(request);
      return token({ ...request, region: options.region ?? request.region });
    });
}

interface SecretParts {
  readonly request: ConnectionRequest;
  readonly settings: LibrarySettings;
  readonly loaded: LoadedTargets;
  readonly credentials: (region: string) => CredentialSource;
}

// The database and the password of a secret.
async function openSecretSource(
  context: LibraryContext,
  { request, settings, loaded, credentials }: SecretParts,
): Promise<Signing> {
  const isAuto = settings.secret === AUTO_SECRET;
  const find = () => findEndpoint(context, { settings, loaded }, credentials);
  const endpoint = isAuto ? await find() : undefined;
  const secret = openSecret(
    context,
    { settings, loaded },
    { credentials, endpoint, life: SECRET_LIFE },
  );
  const given = settings.user === "" ? undefined : settings.user;
  const filled = await withSecret({ ...settings, user: given }, secret);
  const { user } = filled;
  if (user === undefined) throw noUser(settings.label);
  const port = request.port ?? filled.port;
  const own = { ...settings, ...filled, user, port };
  return {
    settings: own,
    locate: isAuto ? find : () => typedEndpoint(context, { settings: own, loaded }),
    token: async () => (await secret.value()).password,
  };
}

interface Signing {
  readonly settings: LibrarySettings;
  readonly locate: () => Promise<DatabaseEndpoint>;
  readonly token: TokenSource;
}

// Nothing is fetched yet.
async function openSigning(context: LibraryContext, request: ConnectionRequest): Promise<Signing> {
  const loaded = loadConfiguration(context);
  const settings = librarySettings(request, loaded, context);
  const { credentials: given } = request;
  const own = given === undefined ? undefined : () => ownCredentials(given);
  // One for all, whatever Region it is first asked with: that is a fallback for STS alone.
  let opened: RunCredentials | undefined;
  const credentials = (region: string) =>
    (opened ??= openCredentials(context, { settings, loaded }, region, { own })).credentials;
  if (settings.secret !== undefined)
    return openSecretSource(context, { request, settings, loaded, credentials });
  const databases = new Map<string, AuthTokenSource>();
  return {
    settings,
    locate: async () => {
      const endpoint = await findEndpoint(context, { settings, loaded }, credentials);
      if (isRedshift(endpoint.kind)) throw noRedshift(endpoint.host, settings);
      return endpoint;
    },
    token: async ({ host, port, user, region }) => {
      if (isRedshift(parseEndpoint(host)?.kind)) throw noRedshift(host, settings);
      const key = JSON.stringify([host, port, region]);
      const tokens =
        databases.get(key) ??
        authTokenSource({
          host,
          port,
          region,
          isDsql: isDsql(host),
          credentials: credentials(region),
        });
      const [oldest = ""] = databases.keys();
      if (!databases.has(key) && databases.size >= MOST_DATABASES) databases.delete(oldest);
      databases.set(key, tokens);
      return (await tokens(user)).token;
    },
  };
}

// A driver has to know the user before it asks for the password, and few can answer Redshift's digest.
function noRedshift(host: string, { words }: LibrarySettings): RdsIamError {
  return new RdsIamError(`the library does not log in to ${host}: it is Redshift`, {
    code: "ERR_TARGET",
    detail: "Redshift has no auth tokens: its API gives the user together with the password.",
    hint: otherWays(words),
  });
}

async function ownCredentials(
  own: NonNullable<SigningOptions["credentials"]>,
): Promise<AwsCredentials> {
  let given: AwsCredentials | undefined;
  try {
    given = await (typeof own === "function" ? own() : own);
  } catch (error) {
    if (error instanceof RdsIamError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new RdsIamError(`the credentials function failed: ${text}`, {
      code: "ERR_CREDENTIALS",
      cause: error,
    });
  }
  if (given?.accessKeyId && given.secretAccessKey) return given;
  throw new RdsIamError("the given credentials have no AWS keys", {
    code: "ERR_CREDENTIALS",
    detail: "They must have accessKeyId and secretAccessKey, and sessionToken if temporary.",
  });
}
