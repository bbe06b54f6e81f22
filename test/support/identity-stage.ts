// A home directory and a stand-in for STS for tests of identity: `rdsiam token` needs no database. Every run is searched
// for every secret that is known to the stage.
import assert from "node:assert/strict";
import { appendFile, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Home, makeEnvironment, makeHome } from "../../src/demo/home.ts";
import { type AccessKey, KeyStore } from "../../src/demo/keys.ts";
import { startSts, type StsStandIn } from "../../src/demo/sts.ts";
import { type Finished, rdsiam } from "./program.ts";

/** The account of all test identities. */
export const ACCOUNT = "123456789012";
/** An endpoint that is never connected to. */
export const RDS_HOST = "orders.cluster-c1a2b3d4e5f6.eu-west-1.rds.amazonaws.com";

/** Whom a run's token was signed by, next to how the run ended. */
export interface TokenRun extends Finished {
  /** The ARN behind the token's access key; undefined without a token. */
  readonly caller: string | undefined;
}

/** The running stage. */
export interface IdentityStage extends AsyncDisposable {
  readonly home: Home;
  readonly env: Readonly<Record<string, string>>;
  readonly keys: KeyStore;
  readonly sts: StsStandIn;
  /** More texts that no output may have. */
  readonly secrets: string[];
  readonly cacheDirectory: string;
  readonly addConfig: (text: string) => Promise<void>;
  /** Runs `rdsiam token` with options for a database that needs no name look-up. */
  readonly token: (
    args: readonly string[],
    env?: Readonly<Record<string, string | undefined>>,
  ) => Promise<TokenRun>;
  readonly sessionKey: (name: string, seconds?: number) => AccessKey;
}

/** Starts it. */
export async function startIdentityStage(): Promise<IdentityStage> {
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-identity-"));
  const home = await makeHome(directory);
  const keys = new KeyStore();
  const sts = await startSts({ keys });
  const env = makeEnvironment(home, { sts: sts.endpoint });
  const secrets: string[] = [];
  const stage = { home, env, keys, sts, secrets };
  return {
    ...stage,
    cacheDirectory: join(directory, ".aws", "cli", "cache"),
    addConfig: (text) => appendFile(home.config, `${text}\n`),
    sessionKey: (name, seconds = 3_600) => sessionKey(keys, name, seconds),
    token: async (args, extra = {}) => {
      const where = ["--host", RDS_HOST, "--user", "app_ro"];
      const words = ["token", "--verbose", ...where, ...args];
      const run = await rdsiam(words, { env: { ...env, ...extra } });
      await assertNoSecrets(run, stage);
      const id = /X-Amz-Credential=([A-Z0-9]+)/.exec(run.stdout)?.[1];
      return { ...run, caller: id === undefined ? undefined : keys.find(id)?.arn };
    },
    async [Symbol.asyncDispose]() {
      await sts[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function sessionKey(keys: KeyStore, name: string, seconds: number): AccessKey {
  return keys.createSessionKey({
    arn: `arn:aws:sts::${ACCOUNT}:assumed-role/${name}/session`,
    userId: `AROAEXAMPLE:${name}`,
    expiration: new Date(Date.now() + seconds * 1_000),
  });
}

/** Fails when a secret is in what was printed (but for a token on stdout), or in a file that is no place for it. */
export async function assertNoSecrets(
  run: Pick<Finished, "status" | "stdout" | "stderr">,
  { home, keys, secrets }: Pick<IdentityStage, "home" | "keys" | "secrets">,
): Promise<void> {
  const known = [
    ...secrets,
    ...keys
      .all()
      .flatMap(({ secretAccessKey, sessionToken = "" }) => [secretAccessKey, sessionToken]),
  ].filter((secret) => secret !== "");
  const texts = new Map([["stderr", run.stderr]]);
  if (run.status !== 0) texts.set("stdout", run.stdout);
  for (const entry of await readdir(home.directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    // AWS's own files, which hold such by design.
    if (entry.isFile() && !path.includes("/.aws/")) texts.set(path, await readFile(path, "utf8"));
  }
  for (const [place, text] of texts) {
    for (const secret of known) {
      const found = [secret, encodeURIComponent(secret)].find((form) => text.includes(form));
      assert.equal(found, undefined, `a secret in ${place}: ${text}`);
    }
  }
}
