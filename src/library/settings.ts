// The library's options as the settings that every other part works with: option, then environment, then target, then default,
// by the same rules as on the command line.
import type { OptionValues } from "../config/keys.ts";
import { nearestName } from "../base/nearest-name.ts";
import type { Settings } from "../config/settings.ts";
import { resolveWithWarnings, targetWords } from "../session/settings.ts";
import { readHostPort, showHostPort } from "../base/host-port.ts";
import type { LoadedTargets } from "../config/targets.ts";
import { RdsIamError } from "../base/errors.ts";
import type { ConnectionRequest } from "./public.ts";
import type { LibraryContext } from "./context.ts";

const DEFAULT_PORT = 5432;
const LONGEST_TIMEOUT = 3_600; // seconds, as for rds_connect_timeout

/** What a program asked for, resolved. */
export interface LibrarySettings extends Settings {
  /** Empty where the secret is to say. */
  readonly user: string;
  /** Whether the time to connect is set: without it a pool's own limit applies. */
  readonly hasConnectTimeout: boolean;
  /** What names the target on a command line. */
  readonly words: string;
}

// Every option of the library; the compiler refuses one that is missing here.
const KNOWN: Readonly<Record<keyof ConnectionRequest, true>> = {
  applicationName: true,
  awsTimeout: true,
  cache: true,
  connectTimeout: true,
  credentials: true,
  database: true,
  dbname: true,
  durationSeconds: true,
  env: true,
  externalId: true,
  host: true,
  onWarning: true,
  port: true,
  profile: true,
  rdsiam: true,
  readOnly: true,
  region: true,
  roleArn: true,
  roleSessionName: true,
  secret: true,
  signHost: true,
  sslrootcert: true,
  strictHost: true,
  target: true,
  user: true,
  username: true,
  via: true,
};

/** Merges options, environment, target and defaults; an option that does not exist is ERR_USAGE. */
export function librarySettings(
  request: ConnectionRequest,
  loaded: LoadedTargets,
  { env, home, log }: Pick<LibraryContext, "env" | "home" | "log">,
): LibrarySettings {
  refuseUnknown(request);
  const { target: targetName, port } = request;
  const timeout = request.connectTimeout;
  const connectTimeout =
    timeout === undefined ? undefined : checkedNumber("connectTimeout", timeout, LONGEST_TIMEOUT);
  const options = optionValues(request);
  const settings = resolveWithWarnings({ targetName, options, loaded, env, home }, log);
  const { user, passwordCommand, label } = settings;
  const words = targetWords({ settings, loaded });
  if (passwordCommand !== undefined) {
    throw new RdsIamError(`"${label}" uses a password command, so there is no auth token`, {
      code: "ERR_TARGET",
      detail: "Its password is what the password command prints, and a library starts none.",
      hint: otherWays(words),
    });
  }
  if (user === undefined && settings.secret === undefined) throw noUser(label);
  const ofTarget = loaded.targets.get(settings.target ?? "")?.connectTimeout;
  return {
    ...settings,
    user: user ?? "",
    words,
    port: port === undefined ? settings.port : checkedPort(port),
    applicationName: request.applicationName ?? settings.applicationName,
    connectTimeout: connectTimeout ?? settings.connectTimeout,
    hasConnectTimeout:
      (connectTimeout ?? ofTarget) !== undefined || Boolean(env["RDSIAM_CONNECT_TIMEOUT"]),
  };
}

/** The hint for a login that the library cannot do. */
export function otherWays(words: string): string {
  return `Run: rdsiam proxy ${words}, and connect to that; or start the program with rdsiam exec ${words} -- PROGRAM.`;
}

/** The error for a database without a user. */
export function noUser(label: string): RdsIamError {
  return new RdsIamError(`no database user for "${label}"`, {
    code: "ERR_TARGET",
    detail: "An auth token or a password is for one database user; PGUSER is not used for it.",
    hint: "Give user, or set rds_user in the target's profile.",
  });
}

// An option that is silently dropped leaves the user, or the database, of the environment's target in its place.
function refuseUnknown(request: ConnectionRequest): void {
  const given = Object.entries(request).filter(([, value]) => value !== undefined);
  const unknown = given.find(([key]) => !Object.hasOwn(KNOWN, key))?.[0];
  if (unknown === undefined) return;
  const nearest = nearestName(unknown, Object.keys(KNOWN));
  throw new RdsIamError(`unknown option ${unknown}`, {
    code: "ERR_USAGE",
    hint: nearest === undefined ? undefined : `Did you mean ${nearest}?`,
  });
}

// Of two names for one thing, both may be given only when they agree.
function eitherName(
  request: ConnectionRequest,
  name: "database" | "user",
  other: "dbname" | "username",
): string | undefined {
  const [value, same] = [request[name], request[other]];
  if (value === undefined || same === undefined || value === same) return value ?? same;
  throw new RdsIamError(`${name} and ${other} are both given, but differ`, {
    code: "ERR_USAGE",
    hint: `Leave one of them out: they mean the same.`,
  });
}

function optionValues(request: ConnectionRequest): OptionValues {
  const { profile, region, roleArn, roleSessionName, externalId, cache } = request;
  return {
    profile,
    region,
    roleArn,
    roleSessionName,
    externalId,
    durationSeconds: request.durationSeconds?.toString(),
    awsTimeout: request.awsTimeout?.toString(),
    noCache: cache === false ? true : undefined,
    host: hostAndPort(request),
    signHost: request.signHost,
    strictHost: yesOrNo(request.strictHost),
    readOnly: request.readOnly,
    user: eitherName(request, "user", "username"),
    dbname: eitherName(request, "database", "dbname"),
    secret: request.secret,
    sslrootcert: request.sslrootcert,
    via: request.via,
  };
}

// A host without a port is at 5432, as for every driver: the port of a target that was not named is not used.
function hostAndPort({ host, port, target }: ConnectionRequest): string | undefined {
  const address = readHostPort(host ?? "");
  if (address === undefined || address.port !== undefined || target !== undefined) return host;
  return showHostPort({ host: address.host, port: checkedPort(port ?? DEFAULT_PORT) });
}

function yesOrNo(value: boolean | undefined): string | undefined {
  return value === undefined ? undefined : value ? "yes" : "no";
}

function checkedPort(port: number): number {
  return checkedNumber("port", port, 65_535);
}

// Only TypeScript checks the types; in a connection string it may be any text.
function checkedNumber(name: string, value: number, most: number): number {
  if (Number.isInteger(value) && value > 0 && value <= most) return value;
  throw new RdsIamError(`${name} must be a whole number from 1 to ${most}`, { code: "ERR_USAGE" });
}
