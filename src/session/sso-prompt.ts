// Asks at the terminal whether to log in to IAM Identity Center, and guides a person through the login in a browser.
import { type SsoSession, sessionName, type SsoToken } from "../aws/sso-cache.ts";
import type { LoginPage, LoginScreen } from "../aws/sso-login.ts";
import type { AskSsoLogin } from "../aws/sso-token.ts";
import { agrees, type Environment, type RunContext, type Terminal } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { onSignals } from "../runtime/stop-signals.ts";

type PromptContext = Pick<RunContext, "env" | "log" | "terminal" | "waiting">;

/** How a person wants to log in; what is not said is found out. */
export interface LoginPreferences {
  readonly deviceCode?: boolean | undefined;
  readonly noBrowser?: boolean | undefined;
  /** Shows lines to the person. */
  readonly write: (text: string) => void;
}

// Who has said no is not asked again in this run: several targets may share a session.
const declined = new WeakMap<Terminal, Set<string>>();

/** Asks whether to log in, as long as the terminal may be asked; see AskSsoLogin. */
export async function askSsoLogin(
  context: PromptContext,
  session: SsoSession,
  logIn: Parameters<AskSsoLogin>[1],
): Promise<SsoToken | undefined> {
  const { terminal, waiting } = context;
  if (terminal.isGivenAway() || !terminal.isThere()) return undefined;
  const name = sessionName(session);
  const refusals = declined.get(terminal) ?? new Set<string>();
  if (refusals.has(name)) return undefined;
  if (!(await agrees(terminal, `Log in to ${name} (${session.startUrl})?`))) {
    declined.set(terminal, refusals.add(name));
    return undefined;
  }
  const write = (text: string): void => {
    waiting.erase();
    terminal.write(text);
  };
  const token = await guideLogin(context, session, logIn, { write });
  write(`Logged in to ${printable(name)}.\n`);
  return token;
}

/** Shows the page to log in on and waits for the person, who may give up with Ctrl-C: ERR_INTERRUPTED. */
export async function guideLogin(
  { env, log, terminal, waiting }: PromptContext,
  session: SsoSession,
  logIn: Parameters<AskSsoLogin>[1],
  { write, ...preferences }: LoginPreferences,
): Promise<SsoToken> {
  const browser = await terminal.browser();
  const usesDeviceCode =
    preferences.deviceCode ?? flag(env, "RDSIAM_DEVICE_CODE") ?? !browser.isHere;
  const opens =
    browser.opens && !(preferences.noBrowser ?? flag(env, "RDSIAM_NO_BROWSER") ?? false);
  const givenUp = new AbortController();
  using _interrupts = onSignals(["SIGINT"], () => {
    write("\n");
    givenUp.abort(interrupted());
  });
  const screen: LoginScreen = {
    usesDeviceCode,
    signal: givenUp.signal,
    onSecret: log.addSecret,
    remark: (text) => write(`${printable(text)}\n`),
    show: async (page) => {
      const isOpened = opens && (await browser.open(page.url));
      write(pageText(page, sessionName(session), isOpened));
    },
  };
  // Awaited here: Ctrl-C is listened for until then.
  return await waiting.for("the login in the browser", logIn(screen));
}

function pageText({ url, userCode }: LoginPage, session: string, isOpened: boolean): string {
  const name = printable(session);
  const code = userCode === undefined ? "" : ` It must show the code ${printable(userCode)}.`;
  const where =
    userCode === undefined ? " on this machine (elsewhere: rdsiam login --device-code)" : "";
  const lines = isOpened
    ? [`Opening the browser to log in to ${name}.${code} If it does not open, go to:`]
    : [`To log in to ${name}, open this page in a browser${where}.${code}`];
  return [...lines, printable(url), ""].join("\n");
}

function interrupted(): RdsIamError {
  return new RdsIamError("interrupted at the login", { code: "ERR_INTERRUPTED" });
}

function flag(env: Environment, variable: string): boolean | undefined {
  const text = env[variable] ?? "";
  if (/^(?:1|yes|on|true)$/i.test(text)) return true;
  return /^(?:0|no|off|false)$/i.test(text) ? false : undefined;
}
