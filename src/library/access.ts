// What a program's options lead to: a target, the place of its database, and a function that gives auth tokens for it.
import { loadConfiguration } from "../session/settings.ts";
import { type DatabaseEndpoint, findEndpoint } from "../session/endpoint.ts";
import type { ConnectionRequest, TokenSource } from "./public.ts";
import { type LibrarySettings, librarySettings } from "./settings.ts";
import { openSigning } from "./signing.ts";
import { type Surroundings, surroundings } from "./surroundings.ts";
import { DEFAULT_SOURCE, type TokenSourceRegistry } from "./token-sources.ts";

/** Access to one database. */
export interface Access {
  readonly surroundings: Surroundings;
  readonly settings: LibrarySettings;
  /** Where the database is, found out anew at each call. */
  readonly locate: () => Promise<DatabaseEndpoint>;
  /** Gives a token for a place. */
  readonly token: (place: DatabaseEndpoint) => Promise<string>;
}

// An alias may be led elsewhere while a pool lives; tokens are made anew after ten minutes too.
const PLACE_LIFE = 600_000; // ms

/** Resolves what the options say without asking anybody: files and environment alone. */
export async function openAccess(
  request: ConnectionRequest,
  sources: Pick<TokenSourceRegistry, "find">,
): Promise<Access> {
  const own = surroundings(request);
  return own.guard(async () => {
    const loaded = await loadConfiguration(own);
    const settings = librarySettings(request, loaded, own);
    const { credentials } = request;
    const signing = openSigning(own, { settings, loaded, credentials });
    return {
      surroundings: own,
      settings,
      locate: () => findEndpoint(own, { settings, loaded }, signing.credentials),
      token: async ({ host, port, region }) => {
        // Looked up now: it may have been registered, or replaced, since the pool was made.
        const source: TokenSource = sources.find(request.rdsiam ?? DEFAULT_SOURCE) ?? signing.token;
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
  let opened: Promise<Access> | undefined;
  const open = (): Promise<Access> => {
    opened ??= openAccess(request, sources).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
  let found: { readonly place: DatabaseEndpoint; readonly since: number } | undefined;
  const place = async (access: Access): Promise<DatabaseEndpoint> => {
    const age = Date.now() - (found?.since ?? Number.NEGATIVE_INFINITY);
    if (found !== undefined && age >= 0 && age <= PLACE_LIFE) return found.place;
    try {
      found = { place: await access.locate(), since: Date.now() };
    } catch (error) {
      // A name server that fails for a while is no reason to stop logging in.
      if (found === undefined) throw error;
    }
    return found.place;
  };
  return async () => {
    const access = await open();
    return access.surroundings.guard(async () => access.token(await place(access)));
  };
}

/** The source that signs with given credentials for whatever it is asked; its options need no database. */
export function signingSource(options: ConnectionRequest): TokenSource {
  let opened: Promise<{ readonly own: Surroundings; readonly token: TokenSource }> | undefined;
  const open = (host: string, user: string) => {
    const own = surroundings(options);
    return own.guard(async () => {
      const loaded = await loadConfiguration(own);
      const settings = librarySettings({ ...options, host, user }, loaded, own);
      const { credentials } = options;
      return { own, token: openSigning(own, { settings, loaded, credentials }).token };
    });
  };
  return async (request) => {
    opened ??= open(request.host, request.user).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    const { own, token } = await opened;
    return own.guard(() => token({ ...request, region: options.region ?? request.region }));
  };
}
