// The stand-in's home directory: AWS's two files, rdsiam's own, and the environment that names them.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import type { AccessKey } from "./keys.ts";

/** A section's lines. */
export type StandInKeys = Readonly<Record<string, string | number>>;

/** A home directory and the files in it. */
export interface Home {
  readonly directory: string;
  readonly config: string;
  readonly credentials: string;
  /** rdsiam's own config file. */
  readonly own: string;
}

/** Makes the empty files in a directory that exists. */
export async function makeHome(directory: string): Promise<Home> {
  const config = join(directory, ".aws", "config");
  const credentials = join(directory, ".aws", "credentials");
  const own = join(directory, ".config", "rdsiam", "config");
  await mkdir(dirname(config), { mode: 0o700 });
  await mkdir(dirname(own), { recursive: true, mode: 0o700 });
  // Where this is not there, fish makes it in the background from every manual page, and is not done when the home goes.
  await mkdir(join(directory, ".local", "share", "fish", "generated_completions"), {
    recursive: true,
  });
  for (const file of [config, credentials, own]) await writeFile(file, "", { mode: 0o600 });
  return { directory, config, credentials, own };
}

/** Appends a profile to the config file and, when a key is given, to the credentials file. */
export async function appendProfile(
  home: Home,
  ...[name, settings, key]: [name: string, settings: StandInKeys, key?: AccessKey]
): Promise<void> {
  await appendFile(home.config, formatSection(`profile ${name}`, settings));
  if (key === undefined) return;
  await appendFile(home.credentials, formatSection(name, credentialSettings(key)));
}

const SERVICES = [
  "sts",
  "rds",
  "dsql",
  "iam",
  "secrets_manager",
  "redshift",
  "redshift_serverless",
  "sso",
  "sso_oidc",
] as const;

/** The URLs of the stand-ins' APIs; STS's URL is the default for the others. */
export type ApiEndpoints = { readonly sts: string } & {
  readonly [service in (typeof SERVICES)[number]]?: string | undefined;
};

/** What a child needs in its environment to use this home and these APIs. */
export function makeEnvironment(
  home: Home,
  endpoints: ApiEndpoints,
): Readonly<Record<string, string>> {
  // Even one that knows no such calls: nothing of a demo goes to the real AWS.
  const urls = SERVICES.map((service) => [
    `AWS_ENDPOINT_URL_${service.toUpperCase()}`,
    endpoints[service] ?? endpoints.sts,
  ]);
  return {
    HOME: home.directory,
    AWS_CONFIG_FILE: home.config,
    AWS_SHARED_CREDENTIALS_FILE: home.credentials,
    ...Object.fromEntries(urls),
    AWS_EC2_METADATA_DISABLED: "true",
    // A proxy of the machine's own cannot reach this STS. The lower-case name wins where both are set.
    NO_PROXY: "127.0.0.1",
    no_proxy: "127.0.0.1",
    RDSIAM_CONFIG_FILE: home.own,
    XDG_CONFIG_HOME: join(home.directory, ".config"),
    XDG_STATE_HOME: join(home.directory, ".local", "state"),
    XDG_DATA_HOME: join(home.directory, ".local", "share"),
    XDG_RUNTIME_DIR: home.directory,
    XDG_CACHE_HOME: join(home.directory, ".cache"),
  };
}

function credentialSettings(key: AccessKey): Readonly<Record<string, string>> {
  return {
    aws_access_key_id: key.accessKeyId,
    aws_secret_access_key: key.secretAccessKey,
    ...(key.sessionToken === undefined ? {} : { aws_session_token: key.sessionToken }),
  };
}

function formatSection(name: string, settings: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}\n`);
  return `[${name}]\n${lines.join("")}\n`;
}
