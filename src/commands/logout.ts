// `rdsiam logout`: ends every login to IAM Identity Center, as `aws sso logout` does.
import { dirname } from "node:path";
import { countText } from "../base/count.ts";
import { proxyPasswords } from "../aws/proxy-setting.ts";
import { awsCalls } from "../aws/source-credentials.ts";
import { cachedLogins, loginCredentialFiles, removeEntry } from "../aws/sso-cache.ts";
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { problemOf } from "../base/problem.ts";
import { shellCommand } from "../system/shell-word.ts";
import { environmentProfile } from "../config/choose-target.ts";
import { loadConfiguration } from "../session/settings.ts";

/** Logs out; what AWS cannot be told is a warning, and is removed here all the same. */
export async function runLogout(context: RunContext): Promise<number> {
  const { env, log, waiting } = context;
  for (const password of proxyPasswords(env)) log.addSecret(password);
  const { aws: files } = loadConfiguration(context);
  const usual = { configProfile: undefined, awsTimeout: undefined };
  const calls = awsCalls(environmentProfile(env), { env, files, ...usual });
  const problems: RdsIamError[] = [];
  const logins = cachedLogins(env, (file, reason) => problems.push(notEnded(file, "read", reason)));
  for (const file of [...logins.map((login) => login.file), ...loginCredentialFiles(env)]) {
    const reason = removeEntry(file);
    if (reason !== undefined) problems.push(notEnded(file, "removed", reason));
  }
  for (const { token } of logins) {
    log.addSecret(token.accessToken);
    if (token.region === undefined) continue;
    const { endLogin } = await import("../aws/sso-keys.ts");
    const where = `the AWS access portal in ${token.region}`;
    await waiting.for(where, endLogin(token, token.region, calls)).catch((error: unknown) => {
      const { message, ...problem } = problemOf(error);
      const what = `could not end the login to ${token.startUrl ?? where} at AWS`;
      log.warning({ ...problem, message: `${what}: ${message}` });
    });
  }
  const [problem] = problems;
  if (problem !== undefined) throw problem;
  log.always(
    `rdsiam: ${logins.length === 0 ? "there was no login to end" : `${countText(logins.length, "login")} ended`}`,
  );
  return 0;
}

function notEnded(file: string, done: string, reason: string): RdsIamError {
  return new RdsIamError(`${file} cannot be ${done}, so its login may still be valid`, {
    code: "ERR_CONFIG",
    detail: `The system's error: ${reason}.`,
    hint: shellCommand`Look at: ls -ld ${dirname(file)} ${file}`,
  });
}
