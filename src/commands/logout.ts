// `rdsiam logout`: ends every login to IAM Identity Center, as `aws sso logout` does.
import { rmSync } from "node:fs";
import { proxyPasswords } from "../aws/proxy-setting.ts";
import { awsCalls } from "../aws/source-credentials.ts";
import { cachedLogins, removeLoginCredentials } from "../aws/sso-cache.ts";
import type { RunContext } from "../base/context.ts";
import { problemOf } from "../base/problem.ts";
import { environmentProfile } from "../config/choose-target.ts";
import { loadConfiguration } from "../session/settings.ts";

/** Logs out; what AWS cannot be told is a warning, and is removed here all the same. */
export async function runLogout(context: RunContext): Promise<number> {
  const { env, log, waiting } = context;
  for (const password of proxyPasswords(env)) log.addSecret(password);
  const { aws: files } = loadConfiguration(context);
  const usual = { configProfile: undefined, awsTimeout: undefined };
  const calls = awsCalls(environmentProfile(env), { env, files, ...usual });
  const logins = cachedLogins(env);
  for (const { file, token } of logins) {
    log.addSecret(token.accessToken);
    rmSync(file, { force: true });
    if (token.region === undefined) continue;
    const { endLogin } = await import("../aws/sso-keys.ts");
    const where = `the AWS access portal in ${token.region}`;
    await waiting.for(where, endLogin(token, token.region, calls)).catch((error: unknown) => {
      const { message, ...problem } = problemOf(error);
      const what = `the login to ${token.startUrl ?? where} is removed here, and AWS could not be told`;
      log.warning({ ...problem, message: `${what}: ${message}` });
    });
  }
  removeLoginCredentials(env);
  const count = logins.length === 1 ? "1 login" : `${logins.length || "no"} logins`;
  log.always(`rdsiam: ${count} ended`);
  return 0;
}
