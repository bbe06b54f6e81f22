// `rdsiam login`: logs in to IAM Identity Center for a target or an AWS profile.
import { dirname } from "node:path";
import { runSource } from "../aws/credentials.ts";
import type { ChosenSource } from "../aws/choose-source.ts";
import { awsCalls } from "../aws/source-credentials.ts";
import { readToken, sessionName, type SsoSession, tokenFile } from "../aws/sso-cache.ts";
import { ssoSession, type SsoSource, ssoToken } from "../aws/sso-token.ts";
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { shellCommand } from "../system/shell-word.ts";
import { type Invocation, isOn } from "../cli/options.ts";
import { proxyPasswords } from "../aws/proxy-setting.ts";
import type { Settings } from "../config/settings.ts";
import type { LoadedTargets } from "../config/targets.ts";
import { loadConfiguration, resolveWithWarnings } from "../session/settings.ts";
import { guideLogin } from "../session/sso-prompt.ts";
import { findTool } from "../tool/find-tool.ts";
import { runTool } from "../tool/run.ts";

/** Logs in; resolves with the exit status. */
export async function runLogin(context: RunContext, invocation: Invocation): Promise<number> {
  const { env, home, log } = context;
  const { options, target } = invocation;
  for (const password of proxyPasswords(env)) log.addSecret(password);
  const loaded = loadConfiguration(context);
  const settings = resolveWithWarnings(
    {
      targetName: target,
      // Any host will do: it is never connected to.
      options: { ...options, host: "localhost" },
      loaded,
      env,
      home,
    },
    log,
  );
  const source = loginSource(settings, loaded, env);
  if (isOn(options, env, "noInput")) throw noPerson(source);
  if (source.method === "login") {
    const remote = isOn(options, env, "deviceCode") ? ["--remote"] : [];
    return runAwsLogin(context, source.profile, remote);
  }
  await logInTo(context, invocation, { loaded, settings, source });
  return 0;
}

/** A login, and what it was chosen from. */
interface ChosenSso {
  readonly loaded: LoadedTargets;
  readonly settings: Settings;
  readonly source: SsoSource;
}

async function logInTo(
  context: RunContext,
  { options }: Invocation,
  { loaded, settings, source }: ChosenSso,
): Promise<void> {
  const { env, log, waiting } = context;
  const session = ssoSession(source, loaded.aws);
  const { awsTimeout, configProfile } = settings;
  const { deviceCode, noBrowser } = options;
  const write = (text: string): void =>
    text
      .trimEnd()
      .split("\n")
      .forEach((line) => log.always(line));
  const token = await ssoToken(
    session,
    {
      calls: awsCalls(source.profile, { env, files: loaded.aws, configProfile, awsTimeout }),
      askLogin: (_session, logIn) =>
        guideLogin(context, session, logIn, { deviceCode, noBrowser, write }),
      onWait: (what) => waiting.start(what),
      note: log.verbose,
    },
    { anew: true },
  );
  const file = tokenFile(session, env);
  if (readToken(file)?.accessToken !== token?.accessToken) throw notKept(session, file);
  const until = token === undefined ? "" : ` until ${token.expiresAt}`;
  log.always(`rdsiam: logged in to ${sessionName(session)} (${session.startUrl})${until}`);
}

function notKept(session: SsoSession, file: string): RdsIamError {
  return new RdsIamError(`the login to ${sessionName(session)} could not be kept`, {
    code: "ERR_CONFIG",
    detail: `${file} cannot be written.`,
    hint: shellCommand`Look at: ls -ld ${dirname(file)}`,
  });
}

function loginSource(
  { configProfile, profile }: Settings,
  { aws }: LoadedTargets,
  env: RunContext["env"],
): SsoSource | (ChosenSource & { readonly method: "login" }) {
  let source = runSource({ configProfile, profile, env, files: aws });
  while (source.method === "assume-role") source = source.from;
  if (source.method === "sso" || source.method === "login") return source;
  const ready = [...aws.profiles].flatMap(([name, values]) =>
    values.has("sso_account_id") || values.has("login_session") ? [name] : [],
  );
  const whose = profile === undefined ? "the credentials in use do" : `profile "${profile}" does`;
  throw new RdsIamError(`${whose} not log in with IAM Identity Center`, {
    code: "ERR_CREDENTIALS",
    detail:
      ready.length === 0
        ? "No profile in the configuration uses it."
        : `These profiles do: ${ready.join(", ")}.`,
    hint:
      ready[0] === undefined
        ? "Create one: rdsiam init, or aws configure sso"
        : shellCommand`Name one of them: rdsiam login --profile ${ready[0]}`,
  });
}

// It proves itself with a key of its own, which the AWS CLI alone keeps.
async function runAwsLogin(
  { env }: RunContext,
  profile: string,
  more: readonly string[],
): Promise<number> {
  const hint = shellCommand`Install the AWS CLI 2.32 or newer, then run: aws login --profile ${profile}`;
  const file = await findTool("aws", env).catch((cause: unknown) => {
    throw new RdsIamError(`profile "${profile}" uses "aws login", and there is no AWS CLI here`, {
      code: "ERR_CREDENTIALS",
      hint,
      cause,
    });
  });
  const args = ["login", "--profile", profile, ...more];
  const { exitStatus } = await runTool({ file, args, env });
  return exitStatus;
}

function noPerson({ profile }: Pick<SsoSource, "profile">): RdsIamError {
  return new RdsIamError("rdsiam login does not work with --no-input", {
    code: "ERR_USAGE",
    detail: "A person has to log in, in a browser.",
    hint: shellCommand`Run it without {--no-input} (RDSIAM_NO_INPUT): rdsiam login --profile ${profile}`,
  });
}
