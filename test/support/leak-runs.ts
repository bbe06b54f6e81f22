// The runs of rdsiam that pass a secret: each that works, and each that fails on its way.
import { ROLE_ARN } from "../../src/demo/stand-in.ts";

/** One run of rdsiam. */
export interface LeakRun {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What stderr must say, so that the run has met what it is for. */
  readonly says: RegExp;
  /** stdout is the token by purpose. */
  readonly printsToken?: boolean;
}

/** Files that the runs name. */
export interface LeakFiles {
  readonly process: string;
  readonly junk: string;
  readonly fails: string;
  readonly webIdentity: string;
  readonly otherRoot: string;
  readonly pasted: string;
  readonly pastedWord: string;
  readonly credentials: string;
  /** A program for $BROWSER. */
  readonly browser: string;
}

/** The run whose keys are in the user's own environment. */
export const KEYS_IN_ENVIRONMENT = "keys in the environment";

const NOBODY = ROLE_ARN.replace(/[^/]+$/, "nobody");
const EXEC = ["sh", "-c", "psql -Atc 'select 1'"];

/** All of them. */
export function leakRuns(
  files: LeakFiles,
  keysInEnvironment: Readonly<Record<string, string>>,
): readonly LeakRun[] {
  const psql = (...args: readonly string[]): string[] => ["psql", "-v", ...args, "-c", "select 1"];
  const exec = (target: string, ...options: readonly string[]): string[] => [
    "exec",
    "-v",
    ...options,
    target,
    ...EXEC,
  ];
  const ok = /login: app_ro to orders/;
  return [
    { name: "psql", args: psql("prod"), says: ok },
    { name: "exec with a role", args: exec("stage"), says: ok },
    {
      name: "exec with a role that is kept",
      args: exec("stage"),
      env: { RDSIAM_NO_CACHE: "0" },
      says: ok,
    },
    { name: "exec with temporary keys", args: exec("temporary"), says: ok },
    { name: "exec with a role of a source profile", args: exec("chained"), says: ok },
    { name: "exec with a credential_process", args: exec("process"), says: ok },
    {
      name: KEYS_IN_ENVIRONMENT,
      args: ["exec", "-v", "-U", "app_ro", "-d", "orders", "--", ...EXEC],
      env: keysInEnvironment,
      says: ok,
    },
    { name: "token", args: ["token", "-v", "stage"], says: /host: /, printsToken: true },
    {
      name: "token --json",
      args: ["token", "-v", "--json", "temporary"],
      says: /host: /,
      printsToken: true,
    },
    { name: "exec with a secret", args: exec("secret"), says: /login: legacy to orders/ },
    {
      name: "a secret's password that is refused",
      args: psql("stale-secret"),
      says: /refused the password of the secret/,
    },
    {
      name: "a secret that cannot be read",
      args: psql("--secret", "no-json", "secret"),
      says: /not valid JSON/,
    },
    { name: "exec on Redshift", args: exec("warehouse"), says: /login: IAM to orders/ },
    { name: "psql on Redshift Serverless", args: psql("lake"), says: /login: IAM to orders/ },
    {
      name: "a user that Redshift does not have",
      args: psql("nobody"),
      says: /authentication failed for user "IAM:nobody"/,
    },
    {
      name: "setup with the master user's secret",
      args: ["setup", "-v", "inventory", "--grant", "read", "--yes"],
      says: /secret: arn:\S+rds!db-/,
    },
    {
      name: "setup with a secret that is refused",
      args: ["setup", "-v", "inventory", "--admin-secret", "stale", "--yes"],
      says: /refused the login of "legacy"/,
    },
    { name: "list", args: ["list", "-v"], says: /^$/ },
    { name: "list --json", args: ["list", "-v", "--json"], says: /^$/ },
    {
      name: "refused token",
      args: psql("--region", "eu-central-1", "temporary"),
      says: /PAM auth/,
    },
    { name: "wrong secret", args: psql("wrong-secret"), says: /PAM authentication failed/ },
    { name: "user outside rds_iam", args: psql("-U", "legacy", "stage"), says: /GRANT rds_iam/ },
    { name: "database that is not there", args: psql("-d", "nowhere", "stage"), says: /"nowhere"/ },
    {
      name: "refused certificate",
      args: psql("--sslrootcert", files.otherRoot, "stage"),
      says: /not trusted/,
    },
    {
      name: "credentials as sslrootcert",
      args: psql("--sslrootcert", files.credentials, "prod"),
      says: /error: /,
    },
    {
      name: "role that may not be assumed",
      args: exec("temporary", "--role-arn", NOBODY),
      says: /cannot assume/,
    },
    {
      name: "role with a wrong secret",
      args: exec("wrong-secret", "--role-arn", ROLE_ARN),
      says: /cannot assume/,
    },
    {
      name: "role with an unknown key",
      args: exec("unknown-key", "--role-arn", ROLE_ARN),
      says: /cannot assume/,
    },
    {
      name: "login in a browser",
      args: ["login", "-v", "--profile", "sso"],
      env: { BROWSER: files.browser },
      says: /logged in to corp/,
    },
    {
      name: "login with a device code",
      args: ["login", "-v", "--profile", "sso-legacy"],
      env: { BROWSER: files.browser },
      says: /logged in to sso-legacy/,
    },
    { name: "exec with a login", args: exec("sso-good"), says: ok },
    {
      name: "exec with a login that is renewed",
      args: exec("sso-renewed"),
      says: /login renewed[^]*login: app_ro to orders/,
    },
    { name: "exec with a login that is over", args: exec("sso-over"), says: /has expired/ },
    { name: "exec with a login that AWS ended", args: exec("sso-ended"), says: /error: / },
    { name: "web identity that is refused", args: exec("web"), says: /error: / },
    {
      name: "credential_process that prints junk",
      args: exec("process-junk"),
      says: /credential_process/,
    },
    {
      name: "credential_process that fails",
      args: exec("process-fails"),
      says: /credential_process/,
    },
    { name: "DNS name that is not there", args: exec("missing"), says: /missing\.example\.com/ },
    { name: "DNS server that is not there", args: exec("no-dns"), says: /error: / },
    { name: "connection refused", args: exec("refused"), says: /ECONNREFUSED|refused/ },
    {
      name: "secret pasted into the configuration",
      args: ["list", "-v"],
      env: { RDSIAM_CONFIG_FILE: files.pasted },
      says: /own-config line 2/,
    },
    {
      name: "secret pasted as a key",
      args: ["token", "-v", "prod"],
      env: { RDSIAM_CONFIG_FILE: files.pastedWord },
      says: /unknown key/,
    },
  ];
}
