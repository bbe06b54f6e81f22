// Fetches a package from the npm registry that npm itself would ask: environment and the user's .npmrc name the registry and its login.
// https://docs.npmjs.com/cli/v11/configuring-npm/npmrc  https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md
import type { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { RunContext } from "../base/context.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";

/** A package, and its version. */
export interface PackageVersion {
  readonly name: string;
  readonly version: string;
}

type NpmSetting = (key: string) => string | undefined;

const NPM = "https://registry.npmjs.org/";
const LONGEST_METADATA = 16 * 1024 * 1024;
const LONGEST_TARBALL = 128 * 1024 * 1024;

/** Fetches the tarball; its caller knows the hash. */
export async function fetchPackage(
  { name, version }: PackageVersion,
  options: Pick<RunContext, "env" | "home" | "log"> & { readonly signal: AbortSignal },
): Promise<Buffer> {
  const { env, home, log, signal } = options;
  const { download } = await import("../aws/download.ts");
  const setting = npmSettings(env, home);
  const registry = registryFor(name, setting);
  const authorization = (url: URL): string | undefined => {
    const login = loginFor(url, setting);
    if (login !== undefined) log.addSecret(login.secret);
    return login && `${login.scheme} ${login.secret}`;
  };
  const get = async (url: string, accept: string, longest: number): Promise<Buffer> => {
    log.verbose(`fetching ${url}`);
    return await download(url, { env, signal, authorization, accept, longest });
  };
  const accept = "application/vnd.npm.install-v1+json, application/json;q=0.8";
  const page = new URL(name.replace("/", "%2f"), registry).href;
  const tarball = tarballIn((await get(page, accept, LONGEST_METADATA)).toString(), version);
  if (tarball === undefined) {
    throw new RdsIamError(`${page} has no ${name} ${version}`, {
      code: "ERR_CONFIG",
      hint: "Check the registry in npm's settings (npm config get registry), or install PostgreSQL.",
    });
  }
  // As npm does: a mirror may pass on the pages of npm's own registry as they are.
  const url = new URL(tarball, page);
  const from = url.origin === new URL(NPM).origin ? new URL(url.pathname.slice(1), registry) : url;
  return await get(from.href, "application/octet-stream", LONGEST_TARBALL);
}

function registryFor(name: string, setting: NpmSetting): string {
  const found = setting(`${name.split("/")[0]}:registry`) ?? setting("registry") ?? NPM;
  if (URL.canParse(found) && /^https?:$/.test(new URL(found).protocol))
    return found.endsWith("/") ? found : `${found}/`;
  throw new RdsIamError("the registry in npm's settings is not a valid URL", {
    code: "ERR_CONFIG",
    hint: "Correct npm_config_registry, or registry in ~/.npmrc.",
  });
}

function tarballIn(text: string, version: string): string | undefined {
  try {
    const { versions } = JSON.parse(text) as {
      versions?: Record<string, { dist?: { tarball?: unknown } }>;
    };
    const tarball = versions?.[version]?.dist?.tarball;
    return typeof tarball === "string" && URL.canParse(tarball) ? tarball : undefined;
  } catch {
    return undefined;
  }
}

// Keys such as `//npm.example.com/team/:_authToken` are for a host and path and for all below it.
function loginFor(
  url: URL,
  setting: NpmSetting,
): { readonly scheme: string; readonly secret: string } | undefined {
  for (let at = `//${url.host}${url.pathname}`; at.length > 2;) {
    const token = setting(`${at}:_authToken`);
    if (token !== undefined) return { scheme: "Bearer", secret: token };
    const basic = setting(`${at}:_auth`);
    if (basic !== undefined) return { scheme: "Basic", secret: basic };
    at = at.replace(at.endsWith("/") ? /[^/]*\/$/ : /[^/]*$/, "");
  }
  return undefined;
}

function npmSettings(env: RunContext["env"], home: string): NpmSetting {
  const own = new Map<string, string>();
  for (const [name, value] of Object.entries(env)) {
    if (value && /^npm_config_/i.test(name)) own.set(name.slice(11).toLowerCase(), value);
  }
  const lines = new Map<string, string>();
  for (const line of readSettings(own.get("userconfig") ?? join(home, ".npmrc")).split("\n")) {
    const [, key, quoted, plain] =
      /^\s*([^;#\s=][^=]*?)\s*=\s*(?:"(.*)"|(.*?))\s*$/.exec(line) ?? [];
    const value = (quoted ?? plain ?? "").replace(
      /\$\{(\w+)\}/g,
      (text, name: string) => env[name] ?? text,
    );
    if (key !== undefined && value !== "") lines.set(key.toLowerCase(), value);
  }
  return (key) => own.get(key.toLowerCase()) ?? lines.get(key.toLowerCase());
}

function readSettings(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return "";
    throw new RdsIamError(`cannot read npm's settings in ${file}: ${errorCode(error)}`, {
      code: "ERR_CONFIG",
      hint: "Correct the file's permissions, or set npm_config_userconfig.",
      cause: error,
    });
  }
}
