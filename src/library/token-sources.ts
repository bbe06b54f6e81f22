// The registry of token sources: a name in a connection string or in options chooses what makes the tokens.
import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import type { TokenSource, TokenSources } from "./public.ts";

/** The name of the source that is registered from the start. */
export const DEFAULT_SOURCE = "default";

type Build = () => TokenSource | Promise<TokenSource>;

/** The registry, and how the library itself reads it. */
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

/** Makes a function that does a piece of work once, for calls at the same time and later; work that failed is done again. */
export function once<A extends readonly unknown[], T>(
  work: (...input: A) => T | Promise<T>,
): (...input: A) => Promise<T> {
  let done: Promise<T> | undefined;
  return (...input) => {
    done ??= (async () => work(...input))().catch((error: unknown) => {
      done = undefined;
      throw error;
    });
    return done;
  };
}

function lateSource(name: string, build: Build): TokenSource {
  const built = once(build);
  return async (request) => {
    let token: unknown;
    try {
      const source = await built();
      token = await source(request);
    } catch (error) {
      if (error instanceof RdsIamError) throw error;
      const text = error instanceof Error ? error.message : String(error);
      throw new RdsIamError(`the token source "${name}" failed: ${text}`, {
        code: "ERR_CREDENTIALS",
        cause: error,
      });
    }
    if (typeof token === "string" && token !== "") return token;
    throw new RdsIamError(`the token source "${name}" returned no token`, {
      code: "ERR_CREDENTIALS",
      detail: "It must return a string, or a promise of one.",
    });
  };
}

function unknownSource(name: string, known: Iterable<string>): RdsIamError {
  const names = [DEFAULT_SOURCE, ...known];
  const nearest = nearestName(name, names);
  return new RdsIamError(`unknown token source "${name}"`, {
    code: "ERR_USAGE",
    detail: `The sources are: ${[...new Set(names)].join(", ")}.`,
    hint:
      nearest === undefined
        ? `Register it before the first connection: tokenSources.add("${name}", ...)`
        : `Did you mean "${nearest}"?`,
  });
}
