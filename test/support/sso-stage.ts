// A home directory with SSO profiles, stand-ins for IAM Identity Center and STS, and a program for $BROWSER.
// `sso` is of the [sso-session corp]; `sso-legacy` has the start URL itself.
import { createHash } from "node:crypto";
import { appendFile, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { type Home, makeEnvironment, makeHome, type StandInKeys } from "../../src/demo/home.ts";
import { KeyStore } from "../../src/demo/keys.ts";
import { type SsoOptions, type SsoStandIn, startSso } from "../../src/demo/sso-api.ts";
import { startSts, type StsStandIn } from "../../src/demo/sts.ts";
import { ACCOUNT, RDS_HOST } from "./identity-stage.ts";

/** The start URL of the stage's instance. */
export const START_URL = "https://d-0123456789.awsapps.com/start";
/** The Region of the instance. */
export const SSO_REGION = "eu-central-1";
/** A role that is assigned to the person, in ACCOUNT. */
export const SSO_ROLE = "DatabaseReader";

const ACCOUNTS = {
  [ACCOUNT]: { name: "orders", roles: { [SSO_ROLE]: {}, Billing: {}, Support: {} } },
  "210987654321": { name: "ledger", roles: { Auditor: {} } },
  "333333333333": { name: "empty", roles: {} },
};

/** A page that the browser has seen. */
export interface SeenPage {
  readonly url: string;
  readonly status: number;
  readonly text: string;
}

/** The running stage. */
export interface SsoStage extends AsyncDisposable {
  readonly home: Home;
  readonly env: Readonly<Record<string, string>>;
  readonly keys: KeyStore;
  readonly sso: SsoStandIn;
  readonly sts: StsStandIn;
  /** Where the AWS CLI keeps tokens and registrations. */
  readonly cacheDirectory: string;
  readonly addConfig: (text: string) => Promise<void>;
  /** The pages that the browser has seen so far. */
  readonly pages: () => Promise<readonly SeenPage[]>;
}

/** Starts it. */
export async function startSsoStage(
  options: Partial<Pick<SsoOptions, "accounts" | "certificate" | "now">> = {},
): Promise<SsoStage> {
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-sso-"));
  const home = await makeHome(directory);
  const keys = new KeyStore();
  const sts = await startSts({ keys });
  const sso = await startSso({ keys, startUrl: START_URL, accounts: ACCOUNTS, ...options });
  const where = { rds_host: RDS_HOST, rds_user: "app_ro", region: "eu-west-1" };
  await appendFile(home.config, ssoSections(sso, where));
  const browser = await makeBrowser(directory, sso);
  return {
    home,
    keys,
    sso,
    sts,
    env: {
      ...makeEnvironment(home, { sts: sts.endpoint, sso: sso.endpoint, sso_oidc: sso.endpoint }),
      BROWSER: browser.file,
    },
    cacheDirectory: join(directory, ".aws", "sso", "cache"),
    addConfig: (text) => appendFile(home.config, `${text}\n`),
    pages: browser.pages,
    async [Symbol.asyncDispose]() {
      await sso[Symbol.asyncDispose]();
      await sts[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The sections of sessions, of a profile for each, and of one of the older form, for a config file. */
export function ssoSections(
  { startUrl }: SsoStandIn,
  settings: StandInKeys,
  profiles: Readonly<Record<string, string>> = { corp: "sso" },
): string {
  const instance = { sso_start_url: startUrl, sso_region: SSO_REGION };
  const role = { sso_account_id: ACCOUNT, sso_role_name: SSO_ROLE, ...settings };
  const session = { ...instance, sso_registration_scopes: "sso:account:access" };
  const sections: (readonly [string, StandInKeys])[] = Object.entries(profiles).flatMap(
    ([name, profile]) => [
      [`sso-session ${name}`, session],
      [`profile ${profile}`, { sso_session: name, ...role }],
    ],
  );
  return [...sections, ["profile sso-legacy", { ...instance, ...role }] as const]
    .map(([name, values]) => {
      const lines = Object.entries(values).map(([key, value]) => `${key} = ${value}\n`);
      return `[${name}]\n${lines.join("")}\n`;
    })
    .join("");
}

/** A login to keep. */
export interface KeptLogin {
  readonly session: string;
  /** Seconds until its end; an hour when absent. */
  readonly left?: number | undefined;
  /** Whether it has a refresh token. */
  readonly renews?: boolean | undefined;
}

/** Keeps a login as the AWS CLI does after one, and resolves with its access token. */
export async function keepLogin(
  cacheDirectory: string,
  { oidc, startUrl }: SsoStandIn,
  { left = 3_600, renews = false, session }: KeptLogin,
): Promise<string> {
  const scopes = ["sso:account:access"];
  const { clientId, clientSecret } = oidc.register({
    clientName: `botocore-client-${session}`,
    clientType: "public",
    scopes,
  });
  const { accessToken, refreshToken } = oidc.issue(clientId, renews ? scopes : []);
  if (left <= 0) oidc.accessTokens.delete(accessToken);
  const time = (seconds: number): string =>
    new Date(Date.now() + seconds * 1_000).toISOString().replace(/\.\d+/, "");
  const token = {
    startUrl,
    region: SSO_REGION,
    accessToken,
    expiresAt: time(left),
    clientId,
    clientSecret,
    registrationExpiresAt: time(7_776_000),
    refreshToken,
  };
  const name = createHash("sha1").update(session).digest("hex");
  await mkdir(cacheDirectory, { recursive: true, mode: 0o700 });
  await writeFile(join(cacheDirectory, `${name}.json`), JSON.stringify(token), { mode: 0o600 });
  return accessToken;
}

/** Makes a program for $BROWSER, which leaves at once as browsers do, and goes on by itself; see sso-browser.mjs. */
export async function makeBrowser(
  directory: string,
  {
    endpoint = "",
    log = join(directory, "browser.log"),
  }: { readonly endpoint?: string; readonly log?: string } = {},
): Promise<{ readonly file: string; readonly pages: SsoStage["pages"] }> {
  const file = join(directory, "browser");
  const script = resolve("test/support/sso-browser.mjs");
  const words = [process.execPath, script, log, endpoint].map((word) => `'${word}'`).join(" ");
  // The certificate of the stand-in is not what is tested.
  const open = `NODE_TLS_REJECT_UNAUTHORIZED=0 ${words} "$1" >/dev/null 2>&1 </dev/null &`;
  await writeFile(log, "");
  await writeFile(file, `#!/bin/sh\n${open}\n`);
  await chmod(file, 0o755);
  return {
    file,
    pages: async () => {
      const lines = (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
      return lines.map((line) => JSON.parse(line) as SeenPage);
    },
  };
}
