// The secret of AWS Secrets Manager that a run logs in with. It is read once, kept for the run, and read once more where the
// server refuses its password: RDS rotates it.
import { environmentRegions } from "../aws/endpoints.ts";
import type { CredentialSource } from "../aws/credentials.ts";
import type { AwsCaller } from "../aws/rds-client.ts";
import type { SecretValue } from "../aws/secret-value.ts";
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { recentSecrets } from "../base/redact.ts";
import type { Settings } from "../config/settings.ts";
import { AUTO_SECRET, isNamedSecret } from "../config/targets.ts";
import type { PasswordProvider } from "../proxy/backend-authentication.ts";
import { parseEndpoint } from "../rds/endpoint.ts";
import { callerOf, type CredentialSettings } from "./credentials.ts";
import type { DatabaseEndpoint } from "./endpoint.ts";

const KEPT_OUT = 10; // passwords that the log strikes out: a proxy that runs for months sees one a week
const SAME_REFUSAL = 5_000; // ms in which logins that were refused at the same time share one more reading

/** A secret that is read when it is first needed. */
export interface RunSecret {
  /** Its ARN or name, or `auto`, for people. */
  readonly name: string;
  /** `fresh` after the server has refused its password. */
  readonly value: (options?: { readonly fresh: boolean }) => Promise<SecretValue>;
}

/** What a secret is read with. */
export interface SecretReader {
  readonly credentials: (region: string) => CredentialSource;
  /** The database whose secret it is, where that is `auto`. */
  readonly endpoint?: Pick<DatabaseEndpoint, "host" | "kind" | "region"> | undefined;
  /** Milliseconds after which it is read anew, where nothing tells that a password was refused. */
  readonly life?: number | undefined;
}

/** Opens the secret of a run; nothing is fetched yet. */
export function openSecret(
  context: Pick<RunContext, "env" | "log" | "waiting">,
  run: CredentialSettings,
  { credentials, endpoint, life = Number.POSITIVE_INFINITY }: SecretReader,
): RunSecret {
  const { secret: name = AUTO_SECRET } = run.settings;
  const { log, waiting } = context;
  const keepOut = recentSecrets(log.addSecret, KEPT_OUT);
  const callerIn = (region: string): AwsCaller =>
    callerOf(context, run, region, credentials(region));
  const find = async (): Promise<string> => {
    if (name !== AUTO_SECRET || endpoint === undefined) return name;
    const { masterSecret } = await import("../aws/master-secret.ts");
    const asking = masterSecret(endpoint, callerIn(endpoint.region));
    const found = await waiting.for("the RDS API", asking);
    log.verbose(`the master user's secret is ${found}`);
    return found;
  };
  let id: Promise<string> | undefined;
  const fetch = async (): Promise<SecretValue> => {
    const { regionOfSecret, secretValue } = await import("../aws/secret-value.ts");
    const found = await (id ??= find());
    const region = regionOfSecret(found) ?? regionOf(context, run.settings);
    const value = await waiting.for("Secrets Manager", secretValue(found, callerIn(region)));
    keepOut(value.password);
    log.verbose(`secret: ${found} in ${region}`);
    return value;
  };
  let read: { readonly value: Promise<SecretValue>; readonly since: number } | undefined;
  let renewed = Number.NEGATIVE_INFINITY;
  return {
    name,
    value: ({ fresh } = { fresh: false }) => {
      const now = performance.now();
      const isRefused = fresh && now - renewed > SAME_REFUSAL;
      if (isRefused) renewed = now;
      if (read !== undefined && !isRefused && now - read.since <= life) return read.value;
      const reading = { value: fetch(), since: now };
      read = reading;
      reading.value.catch(() => {
        if (read === reading) read = undefined;
        id = undefined;
      });
      return reading.value;
    },
  };
}

// Of a secret that is named, as the AWS CLI has it; the Region of the database before the profile's own.
function regionOf({ env }: Pick<RunContext, "env">, settings: Settings): string {
  const { host, label, profileRegion, signHost } = settings;
  const own = settings.region ?? parseEndpoint(signHost?.host ?? host)?.region;
  const region = own ?? environmentRegions(env)[0] ?? profileRegion;
  if (region !== undefined) return region;
  throw new RdsIamError(`no Region for the secret of "${label}"`, {
    code: "ERR_REGION",
    detail: "A secret's name does not contain its Region.",
    hint: "Name it by its ARN, add {--region} REGION, or set rds_region in the target's profile.",
  });
}

/** The settings with what the secret has and nothing else has set; it is read only where something may be missing. */
export async function withSecret(settings: Settings, secret: RunSecret): Promise<Settings> {
  const { host, user, dbname } = settings;
  const isNamed = isNamedSecret(settings.secret);
  if (host !== "" && user !== undefined && (dbname !== undefined || !isNamed)) return settings;
  const value = await secret.value();
  if (host !== "") {
    return { ...settings, user: user ?? value.username, dbname: dbname ?? value.dbname };
  }
  if (value.host === undefined) {
    throw new RdsIamError(`no host for "${settings.label}"`, {
      code: "ERR_TARGET",
      detail: `The secret ${secret.name} has none, like all secrets that RDS creates.`,
      hint: "Add --host HOST, or set rds_host in the target's profile.",
    });
  }
  return {
    ...settings,
    host: value.host,
    // A port belongs to its host.
    port: value.port ?? settings.port,
    user: user ?? value.username,
    dbname: dbname ?? value.dbname,
  };
}

/** Gives the secret's password to logins of the secret's user. */
export function secretPasswords(secret: RunSecret): PasswordProvider {
  return {
    kind: "password",
    get: async ({ user }, { fresh }) => {
      const { password, username = user } = await secret.value({ fresh });
      if (username !== user) {
        throw new RdsIamError(`the secret ${secret.name} has no password for "${user}"`, {
          code: "ERR_LOGIN",
          detail: `Its password is for "${username}".`,
          hint: `Log in as that user: -U ${username}. Or name the secret of "${user}".`,
        });
      }
      // It may have been rotated since it was read.
      return { password, reused: false, isGuess: !fresh };
    },
  };
}
