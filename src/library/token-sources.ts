// The registry of token sources: a name in a connection string or in options says who makes the tokens.
import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import type { TokenRequest, TokenSource, TokenSources } from "./public.ts";

/** The name of the source that is there from the start. */
export const DEFAULT_SOURCE = "default";

type Build = () => TokenSource | Promise<TokenSource>;

/** The registry, and how the library itself asks it. */
export interface TokenSourceRegistry extends TokenSources {
  /** The function that makes tokens with a source; undefined for the first `default`, which is the caller's to make. */
  readonly find: (name: string) => TokenSource | undefined;
}

/** Makes a registry. */
export function tokenSourceRegistry(): TokenSourceRegistry {
  const sources = new Map<string, TokenSource>();
  return {
    add: (name, build) => {
      if (typeof name !== "string" || name === "" || typeof build !== "function") {
        throw new TypeError("tokenSources.add() takes a name and a function");
      }
      sources.set(name, lateSource(name, build));
    },
    remove: (name) => {
      sources.delete(name);
    },
    reset: () => sources.clear(),
    find: (name) => {
      const source = sources.get(name);
      if (source === undefined && name !== DEFAULT_SOURCE)
        throw unknownSource(name, sources.keys());
      return source;
    },
  };
}

// Built with the first token, once for connections that come at the same time; what failed is built again.
function lateSource(name: string, build: Build): TokenSource {
  let built: Promise<TokenSource> | undefined;
  const source = (): Promise<TokenSource> => {
    built ??= (async () => build())().catch((error: unknown) => {
      built = undefined;
      throw error;
    });
    return built;
  };
  return async (request) => {
    const token = await madeBy(name, source, request);
    if (typeof token === "string" && token !== "") return token;
    throw new RdsIamError(`the token source "${name}" gave no token`, {
      code: "ERR_CREDENTIALS",
      detail: "It has to give a string, or a promise of one.",
    });
  };
}

async function madeBy(
  name: string,
  source: () => Promise<TokenSource>,
  request: TokenRequest,
): Promise<unknown> {
  try {
    const make = await source();
    return await make(request);
  } catch (error) {
    if (error instanceof RdsIamError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new RdsIamError(`the token source "${name}" failed: ${text}`, {
      code: "ERR_CREDENTIALS",
      cause: error,
    });
  }
}

function unknownSource(name: string, known: Iterable<string>): RdsIamError {
  const names = [DEFAULT_SOURCE, ...known];
  const nearest = nearestName(name, names);
  return new RdsIamError(`unknown token source "${name}"`, {
    code: "ERR_USAGE",
    detail: `There is: ${[...new Set(names)].join(", ")}.`,
    hint:
      nearest === undefined
        ? `Register it before the first connection: tokenSources.add("${name}", ...)`
        : `Did you mean "${nearest}"?`,
  });
}
