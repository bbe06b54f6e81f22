// A stand-in with a profile for each way to have credentials, and the secrets that no run on it may show.
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeAuthority } from "../../src/demo/certificates.ts";
import { LEGACY_SECRET, ROLE_ARN, type StandIn } from "../../src/demo/stand-in.ts";
import { type LeakFiles, type LeakRun, leakRuns } from "./leak-runs.ts";
import { keepLogin, makeBrowser, ssoSections } from "./sso-stage.ts";
import { startStage } from "./stage.ts";

/** The scene: a stand-in with a profile for each way to have credentials. */
export interface LeakScene extends AsyncDisposable {
  readonly standIn: StandIn;
  readonly runs: readonly LeakRun[];
  /** Each secret by a name to tell it; `extra` are those of one run. */
  readonly secrets: (extra?: Readonly<Record<string, string>>) => ReadonlyMap<string, string>;
}

/** Starts it. */
export async function startLeakScene(): Promise<LeakScene> {
  const standIn = await startStage();
  const { keys } = standIn;
  const temporary = keys.createSessionKey({
    arn: "arn:aws:sts::123456789012:assumed-role/developer/jane",
    userId: "AROAEXAMPLE:jane",
    expiration: new Date(Date.now() + 3_600_000),
  });
  const wrong = { ...temporary, secretAccessKey: randomBytes(30).toString("base64") };
  const unknown = { ...wrong, accessKeyId: "ASIAUNKNOWNUNKNOWN00" };
  const webIdentity = `eyJhbGciOiJSUzI1NiJ9.${randomBytes(300).toString("base64url")}`;
  // A session token and a secret that were pasted into the wrong file; the second looks like a key of the file.
  const pasted = `IQ+/${randomBytes(61).toString("base64")}`;
  const pastedWord = `a${randomBytes(30).toString("hex")}`;
  const files = await writeFiles(standIn.directory, {
    webIdentity,
    pasted,
    pastedWord,
    temporary,
  });
  await addProfiles(standIn, files, { temporary, wrong, unknown });
  await addLogins(standIn);
  await addSecrets(standIn);
  const secrets: LeakScene["secrets"] = (extra) => {
    const pastedAndRead = { ...extra, webIdentity, pasted, pastedWord };
    return secretsOf(standIn, [wrong, unknown], pastedAndRead);
  };
  const dispose = (): PromiseLike<void> => standIn[Symbol.asyncDispose]();
  const wanted = leakRuns(files, {
    ...environment(temporary),
    RDSIAM_HOST: `${standIn.canonicalHost}:${standIn.gateway.port}`,
    RDSIAM_SSLROOTCERT: standIn.caFile,
    RDSIAM_DNS_SERVERS: standIn.dns.address,
  });
  // But for one run, a role that was assumed is not kept: each run is to meet what it is for.
  const runs = wanted.map((run) => ({ ...run, env: { RDSIAM_NO_CACHE: "1", ...run.env } }));
  return { standIn, runs, secrets, [Symbol.asyncDispose]: dispose };
}

type Key = ReturnType<StandIn["keys"]["createSessionKey"]>;

async function addProfiles(
  standIn: StandIn,
  files: LeakFiles,
  { temporary, wrong, unknown }: Readonly<Record<"temporary" | "wrong" | "unknown", Key>>,
): Promise<void> {
  const settings = { ...standIn.targetSettings, rds_user: "app_ro" };
  for (const [name, more, key] of [
    ["temporary", {}, temporary],
    ["wrong-secret", {}, wrong],
    ["unknown-key", {}, unknown],
    ["process", { credential_process: files.process }],
    ["process-junk", { credential_process: files.junk }],
    ["process-fails", { credential_process: files.fails }],
    ["web", { role_arn: ROLE_ARN, web_identity_token_file: files.webIdentity }],
    ["chained", { role_arn: ROLE_ARN, source_profile: "temporary" }],
    ["missing", { rds_host: "missing.example.com" }, temporary],
    ["no-dns", { rds_dns_servers: "127.0.0.1:1" }, temporary],
    ["refused", { rds_port: 1 }, temporary],
  ] as const) {
    await standIn.addProfile(name, { ...settings, ...more }, key);
  }
  const { key, redshift, redshiftHosts, targetSettings } = standIn;
  const cluster = { ...targetSettings, rds_host: redshiftHosts.cluster, rds_port: redshift.port };
  await standIn.addProfile("nobody", { ...cluster, rds_user: "nobody" }, key);
}

// Profiles that log in, and logins that are kept; the service has forgotten the last one, which says that it is good.
async function addLogins({ directory, env, sso, targetSettings }: StandIn): Promise<void> {
  sso.behavior.lifetimes.interval = 1;
  const logins = { good: {}, renewed: { left: -60, renews: true }, over: { left: -60 }, ended: {} };
  const names = Object.keys(logins).map((name) => [name, `sso-${name}`] as const);
  const profiles = { corp: "sso", ...Object.fromEntries(names) };
  const settings = { ...targetSettings, rds_user: "app_ro" };
  await appendFile(env["AWS_CONFIG_FILE"] ?? "", ssoSections(sso, settings, profiles));
  const cache = join(directory, ".aws", "sso", "cache");
  for (const [session, login] of Object.entries(logins)) {
    const token = await keepLogin(cache, sso, { session, ...login });
    if (session === "ended") sso.oidc.accessTokens.delete(token);
  }
}

async function addSecrets(standIn: StandIn): Promise<void> {
  const { addProfile, canonicalHost, key, secrets } = standIn;
  const settings = { ...standIn.targetSettings, rds_host: canonicalHost };
  const stale = { username: "legacy", password: randomBytes(16).toString("hex") };
  const text = JSON.stringify(stale);
  secrets.secrets.set("arn:stale", { name: "stale", text });
  secrets.secrets.set("arn:no-json", { name: "no-json", text: text.slice(0, -1) });
  await addProfile(
    "secret",
    { ...settings, rds_user: "legacy", rds_secret: LEGACY_SECRET.name },
    key,
  );
  await addProfile("stale-secret", { ...settings, rds_secret: "stale" }, key);
}

function secretsOf(
  { keys, gateway, redshiftApis, secrets, sso }: StandIn,
  moreKeys: readonly Key[],
  others: Readonly<Record<string, string>>,
): ReadonlyMap<string, string> {
  const found = new Map(Object.entries(others));
  for (const key of [...keys.all(), ...moreKeys]) {
    found.set(`secret access key of ${key.accessKeyId}`, key.secretAccessKey);
    if (key.sessionToken) found.set(`session token of ${key.accessKeyId}`, key.sessionToken);
  }
  for (const { name, text } of secrets.secrets.values()) {
    const [, password = text] = /"password":"(\w+)"/.exec(text) ?? [];
    found.set(`password in ${name}`, password);
  }
  for (const secret of sso.oidc.secrets) found.set(`SSO's ${secret.slice(0, 12)}`, secret);
  for (const [index, { password }] of redshiftApis.issued.entries()) {
    found.set(`password of Redshift ${index}`, password);
  }
  for (const [index, token] of gateway.tokens.entries()) {
    found.set(`auth token ${index}`, token);
    found.set(`signature ${index}`, /X-Amz-Signature=(\w+)/.exec(token)?.[1] ?? token);
  }
  return found;
}

function environment(key: Key): Readonly<Record<string, string>> {
  return {
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    AWS_SESSION_TOKEN: key.sessionToken ?? "",
  };
}

async function writeFiles(
  directory: string,
  secret: Readonly<Record<"webIdentity" | "pasted" | "pastedWord", string>> & { temporary: Key },
): Promise<LeakFiles> {
  const { temporary } = secret;
  const json = JSON.stringify({
    Version: 1,
    AccessKeyId: temporary.accessKeyId,
    SecretAccessKey: temporary.secretAccessKey,
    SessionToken: temporary.sessionToken,
  });
  const write = async (name: string, text: string): Promise<string> => {
    const file = join(directory, name);
    await writeFile(file, text);
    return file;
  };
  const answer = await write("answer.json", json);
  const junk = await write("junk.json", `${temporary.secretAccessKey} ${json}`);
  return {
    process: `cat ${answer}`,
    junk: `cat ${junk}`,
    fails: `sh ${await write("fails.sh", `cat ${answer} >&2\ncat ${answer}\nexit 3\n`)}`,
    webIdentity: await write("web-identity", secret.webIdentity),
    otherRoot: await write("other.pem", (await makeAuthority({ subject: "CN=Other CA" })).cert),
    pasted: await write("own-config", `[prod]\n${secret.pasted}\n`),
    pastedWord: await write("own-config-2", `[prod]\n${secret.pastedWord} = x\n`),
    credentials: join(directory, ".aws", "credentials"),
    browser: (await makeBrowser(directory, { log: "/dev/null" })).file,
  };
}

/** Where assumed roles and logins are kept on purpose, readable by their owner alone: the caches of the AWS CLI. */
export const AWS_CACHE = /\/\.aws\/(?:cli|sso)\/cache\//;

/** The names of the secrets that a text shows, as they are or as base64, hexadecimal or percent-encoded. */
export function shown(text: string, secrets: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  for (const [name, secret] of secrets) {
    const bytes = Buffer.from(secret);
    const forms = [
      secret,
      bytes.toString("base64"),
      bytes.toString("hex"),
      encodeURIComponent(secret),
    ];
    // Half of one is too much as well.
    const halves = [secret.slice(0, secret.length / 2), secret.slice(secret.length / 2)];
    // A token begins with the host and ends with what was signed, and neither is a secret.
    const parts = name.startsWith("auth token") ? [] : halves;
    if ([...forms, ...parts].some((form) => text.includes(form))) found.push(name);
  }
  return found;
}
