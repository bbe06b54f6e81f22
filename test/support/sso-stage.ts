// A home directory with SSO profiles, stand-ins for IAM Identity Center and STS, and a program for $BROWSER.
// `sso` is of the [sso-session corp]; `sso-legacy` has the start URL itself.
import { appendFile, chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
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
  const browser = await makeBrowser(directory);
  return {
    home,
    keys,
    sso,
    sts,
    env: {
      ...makeEnvironment(home, { sts: sts.endpoint, sso: sso.endpoint }),
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

/** The sections of the session and of both profiles, for a config file. */
export function ssoSections({ startUrl }: SsoStandIn, settings: StandInKeys): string {
  const instance = { sso_start_url: startUrl, sso_region: SSO_REGION };
  const role = { sso_account_id: ACCOUNT, sso_role_name: SSO_ROLE, ...settings };
  const session = { ...instance, sso_registration_scopes: "sso:account:access" };
  const sections: Readonly<Record<string, StandInKeys>> = {
    "sso-session corp": session,
    "profile sso": { sso_session: "corp", ...role },
    "profile sso-legacy": { ...instance, ...role },
  };
  return Object.entries(sections)
    .map(([name, values]) => {
      const lines = Object.entries(values).map(([key, value]) => `${key} = ${value}\n`);
      return `[${name}]\n${lines.join("")}\n`;
    })
    .join("");
}

/** Makes a program for $BROWSER, which leaves at once as browsers do, and goes on by itself. */
export async function makeBrowser(
  directory: string,
): Promise<{ readonly file: string; readonly pages: SsoStage["pages"] }> {
  const file = join(directory, "browser");
  const log = join(directory, "browser.log");
  const node = `"${process.execPath}" "${resolve("test/support/sso-browser.mjs")}"`;
  await writeFile(log, "");
  await writeFile(file, `#!/bin/sh\n${node} "${log}" "$1" >/dev/null 2>&1 </dev/null &\n`);
  await chmod(file, 0o755);
  return {
    file,
    pages: async () => {
      const lines = (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
      return lines.map((line) => JSON.parse(line) as SeenPage);
    },
  };
}
