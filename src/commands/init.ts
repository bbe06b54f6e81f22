// `rdsiam init`: makes a target from answers, or from options where nothing can be asked, and runs rdsiam doctor on it.
// A target of a profile that is there becomes a section of rdsiam's own file, as `rdsiam discover --write` adds it; a profile
// that is new is one with the target's keys in ~/.aws/config. What is in the files is never touched.
import { defaultPort } from "../base/redshift.ts";
import type { FoundDatabase } from "../aws/found-database.ts";
import { unknownProfile } from "../aws/profile-errors.ts";
import type { AwsCaller } from "../aws/rds-client.ts";
import { agrees, type Choose, type RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { shellWord } from "../system/shell-word.ts";
import { type Invocation, isOn, type Options } from "../cli/options.ts";
import { appendSections, formatSection, type NewSection } from "../config/add-targets.ts";
import { parseAwsIni } from "../config/aws-ini.ts";
import { hasIdentity } from "../config/choose-target.ts";
import { givenText } from "../config/given.ts";
import { SETTING_NAMES, type SettingName, SETTINGS, valueProblem } from "../config/keys.ts";
import { keyOf, optionFlag } from "../config/names.ts";
import type { Setting } from "../config/setting.ts";
import { textOf } from "../config/aws-profiles.ts";
import { isNamedSecret, type LoadedTargets } from "../config/targets.ts";
import {
  isRedshift,
  parseEndpoint,
  type ServiceDefaults,
  withServiceDefaults,
} from "../rds/endpoint.ts";
import { openAccount } from "../session/account.ts";
import { loadConfiguration } from "../session/settings.ts";
import { runDoctor } from "./doctor.ts";

const SSO = ["ssoStartUrl", "ssoRegion", "ssoAccountId", "ssoRoleName"] as const;
const ELSEWHERE = "(another)";
const MASTER_DATABASE = "postgres"; // the one that every server has, where the master user's name is not known

type SettingTexts = { [N in SettingName]?: string | undefined };

/** Where the credentials of a new target come from. */
interface ChosenLogin {
  /** An AWS profile that is there; undefined for the environment's credentials. */
  readonly profile: string | undefined;
  /** The lines of a profile that is to be made. */
  readonly sso: readonly (readonly [string, string])[] | undefined;
}

/** Asks, shows, writes, and resolves with the exit status of rdsiam doctor. */
export async function runInit(context: RunContext, invocation: Invocation): Promise<number> {
  const { options, target } = invocation;
  const loaded = loadConfiguration(context);
  if (target !== undefined) checkName(target, loaded);
  const login = await chooseLogin(context, options, loaded);
  const texts: SettingTexts = givenTexts(context, options);
  // It may have host, user and database; the master user's has its user.
  const isInSecret = isNamedSecret(texts.secret);
  const found =
    options.host === undefined && login.sso === undefined && !isInSecret
      ? await chooseDatabase(context, { ...options, profile: login.profile }, { loaded, texts })
      : undefined;
  texts.profile = login.profile;
  // The Region of one that was found is where it was looked for.
  if (found !== undefined) Object.assign(texts, foundTexts(found), { region: undefined });
  if (!isInSecret)
    texts.host ??= await ask(context, { what: "Host of the database", option: "host" });
  const own = { ...serviceDefaults(texts, loaded), ...known(found) };
  if (texts.secret === undefined)
    texts.user ??= await ask(context, { what: "Database user", option: "user", usual: own.user });
  if (!isInSecret) {
    const usual = own.dbname ?? texts.user ?? MASTER_DATABASE;
    texts.dbname ??= await ask(context, { what: "Database", option: "dbname", usual });
  }
  // Aurora DSQL and Redshift have no such sessions.
  if (own.kind === "dsql" || isRedshift(own.kind)) texts.readOnly ??= "no";
  texts.readOnly ??= await ask(context, {
    what: "Read-only sessions, yes or no",
    option: "readOnly",
    usual: "no",
  });
  const usual = found?.name ?? /^[^.:]+/.exec(texts.host ?? "")?.[0];
  const name = target ?? (await ask(context, { what: "Name of the target", usual }));
  checkName(name, loaded);
  const { config } = loaded.aws.paths;
  const isAws = login.sso !== undefined;
  if (isAws && loaded.aws.ssoSessions.has(name)) throw nameTaken(`[sso-session ${name}]`);
  const file = isAws ? config : loaded.own.path;
  const sections = isAws
    ? awsSections(name, texts, login.sso)
    : [formatSection({ name, lines: linesOf(texts, "") })];
  context.print(sections.join("\n").trimEnd());
  if (!(await isAgreed(context, options, file))) {
    throw new RdsIamError("nothing was added", { code: "ERR_INTERRUPTED" });
  }
  await appendSections(file, sections, isAws ? parseAwsIni : undefined);
  context.log.always(
    `rdsiam: target "${name}" added to ${file}; connect with: rdsiam psql ${shellWord(name)}\n`,
  );
  return await runDoctor(context, { ...invocation, target: name, options: {}, values: {} });
}

function checkName(name: string, { aws, own, targets }: LoadedTargets): void {
  if (!/^\w[\w.@+-]*$/.test(name)) {
    throw new RdsIamError(`"${name}" is not a valid name for a target`, {
      code: "ERR_USAGE",
      hint: "Use letters, digits, dots, dashes and underscores.",
    });
  }
  if (!targets.has(name) && !aws.profiles.has(name) && !own.sections.has(name)) return;
  throw nameTaken(`"${name}"`, ` See this one with: rdsiam show ${shellWord(name)}`);
}

function nameTaken(what: string, more = ""): RdsIamError {
  return new RdsIamError(`${what} already exists`, {
    code: "ERR_USAGE",
    detail: "rdsiam init does not change what is in a file.",
    hint: `Choose another name.${more}`,
  });
}

async function chooseLogin(
  context: RunContext,
  options: Options,
  { aws }: LoadedTargets,
): Promise<ChosenLogin> {
  const isSso = SSO.some((name) => options[name] !== undefined);
  const choose = context.terminal.chooser();
  if (options.profile !== undefined && isSso) {
    throw new RdsIamError("--profile and --sso-start-url cannot be combined", {
      code: "ERR_USAGE",
    });
  }
  const { profile } = options;
  if (profile !== undefined && !aws.profiles.has(profile)) throw unknownProfile(profile, aws);
  if (profile !== undefined || (choose === undefined && !isSso)) return { profile, sso: undefined };
  const ownKey = context.env["AWS_ACCESS_KEY_ID"];
  const choices = [
    ...(ownKey ? [{ value: "environment", columns: ["environment", "AWS_ACCESS_KEY_ID"] }] : []),
    ...[...aws.profiles]
      .filter(([, values]) => hasIdentity(values))
      .map(([name]) => ({ value: `profile ${name}`, columns: [`profile ${name}`, ""] })),
    { value: "IAM Identity Center", columns: ["IAM Identity Center", "a new profile, SSO"] },
  ];
  const chosen =
    choose === undefined || isSso ? "IAM Identity Center" : await choose("Credentials", choices);
  if (chosen === "environment") return { profile: undefined, sso: undefined };
  if (chosen.startsWith("profile ")) return { profile: chosen.slice(8), sso: undefined };
  const sso: [string, string][] = [];
  for (const option of SSO) {
    const what = {
      ssoStartUrl: "Start URL",
      ssoRegion: "Its Region",
      ssoAccountId: "AWS account ID",
      ssoRoleName: "Permission set",
    };
    sso.push([
      keyOf(option),
      options[option] ?? (await ask(context, { what: what[option], option })),
    ]);
  }
  return { profile: undefined, sso };
}

interface InitSoFar {
  readonly loaded: LoadedTargets;
  /** What is set already; the tunnel is added. */
  readonly texts: SettingTexts;
}

// Undefined where it is to be typed.
async function chooseDatabase(
  context: RunContext,
  options: Options,
  { loaded, texts }: InitSoFar,
): Promise<FoundDatabase | undefined> {
  const choose = context.terminal.chooser();
  if (choose === undefined) return undefined;
  const account = await openAccount(context, { options, loaded });
  const region =
    options.region ?? account.region ?? (await ask(context, { what: "Region", option: "region" }));
  const { discoverDatabases } = await import("../aws/discover.ts");
  const caller = account.callerIn(region);
  const search = discoverDatabases(caller, { withOthers: true, withTags: false });
  const { databases, failures } = await context.waiting.for("the RDS API", search);
  for (const { error, kind } of failures) {
    if (kind !== "absent") context.log.warning({ message: error.message });
  }
  const choices = databases.map(({ name, kind, host, port, iam }) => ({
    value: host,
    columns: [name, kind, `${host}:${port}`, iam || texts.secret ? "" : "IAM authentication off"],
  }));
  if (choices.length === 0) return undefined;
  const other = { value: ELSEWHERE, columns: [ELSEWHERE, "", "its host is typed", ""] };
  const host = await choose("Database", [...choices, other]);
  const chosen = databases.find((each) => each.host === host);
  if (
    chosen !== undefined &&
    texts.via === undefined &&
    (await isPrivate(context, chosen, caller))
  ) {
    texts.via = await chooseTunnel(context, choose);
  }
  return chosen;
}

// What is known of one that was found; the rest is the service's.
function known(found: FoundDatabase | undefined) {
  const { dbname, kind, user } = found ?? {};
  return {
    ...(kind && { kind }),
    ...(dbname === undefined ? {} : { dbname }),
    ...(user === undefined ? {} : { user }),
  };
}

// Of a host that is set.
function serviceDefaults(
  { host = "", profile = "default", region, signHost }: SettingTexts,
  { aws }: LoadedTargets,
): Partial<Pick<FoundDatabase, "dbname" | "kind" | "user">> | undefined {
  const [typed = "", signed] = [host, signHost].map((text) => text?.replace(/:\d+$/, ""));
  const filled = withServiceDefaults<ServiceDefaults>({
    host: typed,
    region,
    profileRegion: textOf(aws.profiles.get(profile), "region"),
    signHost: signed === undefined ? undefined : { host: signed },
  });
  const { user, dbname } = filled;
  const { kind } = parseEndpoint(filled.signHost?.host ?? filled.host) ?? {};
  return kind === "dsql" || kind === "redshift" || kind === "redshift-serverless"
    ? { kind, user, dbname }
    : undefined;
}

// A public one needs no tunnel; of one that RDS tells nothing about, the doctor will say that it cannot be reached.
async function isPrivate(
  context: RunContext,
  { kind, host, signHost }: FoundDatabase,
  caller: AwsCaller,
): Promise<boolean> {
  const { databaseNetwork } = await import("../aws/database-network.ts");
  const endpoint = signHost === undefined ? { host, kind } : { host: signHost, kind: "cluster" };
  const asking = databaseNetwork(endpoint, caller, "Without it, add a tunnel yourself: --via");
  try {
    return (await context.waiting.for("the RDS API", asking)).isPrivate;
  } catch (error) {
    if (!(error instanceof RdsIamError)) throw error;
    // Without a VPC it is on the internet.
    if (error.code !== "ERR_VIA") context.log.warning({ message: error.message });
    return false;
  }
}

async function chooseTunnel(context: RunContext, choose: Choose): Promise<string | undefined> {
  const chosen = await choose("It is private. Reach it", [
    { value: "ssm", columns: ["ssm", "through an instance of its VPC, by Systems Manager"] },
    { value: "", columns: ["directly", "there is a VPN, or this machine is in the VPC"] },
    { value: ELSEWHERE, columns: [ELSEWHERE, "a tunnel that is typed: ssh://BASTION, ..."] },
  ]);
  if (chosen === ELSEWHERE) return ask(context, { what: "Tunnel", option: "via" });
  return chosen === "" ? undefined : chosen;
}

function foundTexts({ host, port, signHost }: FoundDatabase): SettingTexts {
  return { host, port: port === defaultPort(host) ? undefined : String(port), signHost };
}

// What the command line gives; the environment may be another's.
function givenTexts(context: RunContext, options: Options): SettingTexts {
  const texts: SettingTexts = {};
  for (const name of SETTING_NAMES) {
    if (name === "mfaCode" || name === "profile") continue;
    const text = givenText({ options, env: {} }, name)?.text;
    if (text !== undefined) texts[name] = name === "cache" ? "off" : text;
  }
  if (texts.via !== undefined) context.log.addSecret(texts.via);
  return texts;
}

function linesOf(texts: SettingTexts, prefix: string): NewSection["lines"] {
  // The profile first, as in the files of discover.
  const names = SETTING_NAMES.toSorted(
    (one, other) => Number(other === "profile") - Number(one === "profile"),
  );
  return names.flatMap((name) => {
    const text = texts[name];
    const { default: usual, noKey }: Setting = SETTINGS[name];
    const isDefault = text === "no" && usual === false;
    const isOther = prefix !== "" && noKey !== undefined;
    return text === undefined || isDefault || isOther
      ? []
      : [[`${prefix}${keyOf(name)}`, text] as const];
  });
}

function awsSections(name: string, texts: SettingTexts, sso: ChosenLogin["sso"] = []): string[] {
  const [url, region, ...account] = sso;
  const session = {
    name: `sso-session ${name}`,
    lines: [url, region].flatMap((line) => (line ? [line] : [])),
  };
  const lines = [["sso_session", name] as const, ...account, ...linesOf(texts, "rds_")];
  return [session, { name: `profile ${name}`, lines }].map((each) => formatSection(each, "aws"));
}

async function isAgreed(context: RunContext, options: Options, file: string): Promise<boolean> {
  if (isOn(options, context.env, "yes") || context.terminal.chooser() === undefined) return true;
  return agrees(context.terminal, `\nAdd this to ${file}?`);
}

/** A question whose answer is a line. */
interface LineQuestion {
  readonly what: string;
  readonly option?: SettingName | (typeof SSO)[number];
  /** The answer of an empty line. */
  readonly usual?: string | undefined;
}

async function ask(context: RunContext, { what, option, usual }: LineQuestion): Promise<string> {
  const { terminal } = context;
  if (terminal.chooser() === undefined) {
    if (usual !== undefined) return usual;
    const flag = option === undefined ? "a NAME" : optionFlag(option);
    throw new RdsIamError(`there is no answer to "${what}"`, {
      code: "ERR_USAGE",
      detail: "There is no terminal to ask on, or questions are switched off.",
      hint: `Add ${flag}. See rdsiam init --help.`,
    });
  }
  for (;;) {
    const line = await terminal.ask(usual === undefined ? `${what}: ` : `${what} [${usual}]: `);
    if (line === undefined) {
      throw new RdsIamError("the questions were not answered", { code: "ERR_INTERRUPTED" });
    }
    const text = line.trim() || (usual ?? "");
    const problem =
      option !== undefined && option in SETTINGS
        ? valueProblem(option as SettingName, text)
        : text === "" || /\p{Cc}/u.test(text)
          ? "is empty"
          : undefined;
    if (problem === undefined) return text;
    terminal.write(`That ${problem}.\n`);
  }
}
