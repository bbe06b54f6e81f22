// Opens a page in the person's browser, and tells where none will open: through ssh, in a container, without a desktop.
// $BROWSER is a list of commands with ":" between them (";" on Windows), in which %s stands for the page, as for xdg-open and Python.
// https://man.archlinux.org/man/xdg-open.1, https://docs.python.org/3/library/webbrowser.html
import { existsSync } from "node:fs";
import process from "node:process";
import type { Browser, Environment } from "../base/context.ts";
import { startProgram } from "../runtime/start-program.ts";
import { splitCommand } from "../system/shell-word.ts";
import { findTool } from "./find-tool.ts";

const CONTAINER_FILES = ["/.dockerenv", "/run/.containerenv"];
const SSH = ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"];
const CONTAINER = ["container", "KUBERNETES_SERVICE_HOST"];

/** Finds out where the person's browser is, as far as the environment and the system show it. */
export function browserPlace(
  env: Environment,
  platform = process.platform,
  isThere = existsSync,
): Pick<Browser, "opens" | "isHere"> {
  const isNamed = Boolean(env["BROWSER"]);
  const isSet = (name: string): boolean => Boolean(env[name]);
  const hasDesktop =
    platform === "darwin" || platform === "win32" || ["DISPLAY", "WAYLAND_DISPLAY"].some(isSet);
  const opens = isNamed || hasDesktop;
  // Who names a browser in a container has one that comes back to it; the window of one that ssh shows may be anywhere.
  const isContained = !isNamed && (CONTAINER.some(isSet) || CONTAINER_FILES.some(isThere));
  return { opens, isHere: opens && !isContained && !SSH.some(isSet) };
}

/** Opens a page; whether a program for it was started. Only a page of the web is one. */
export async function openBrowser(
  page: string,
  env: Environment,
  platform = process.platform,
): Promise<boolean> {
  if (!/^https?:\/\/[!-~]+$/.test(page)) return false;
  for (const [name = "", ...args] of browserCommands(env, platform)) {
    const file = await findTool(name, env).catch(() => undefined);
    if (file !== undefined && (await start(file, withPage(args, page), env))) return true;
  }
  return false;
}

function browserCommands(env: Environment, platform: NodeJS.Platform): readonly string[][] {
  const named = env["BROWSER"] || undefined;
  if (named !== undefined) {
    const separator = platform === "win32" ? ";" : ":";
    return named.split(separator).map((each) => splitCommand(each, platform) ?? []);
  }
  if (platform === "darwin") return [["open"]];
  if (platform === "win32") return [["rundll32", "url.dll,FileProtocolHandler"]];
  return [["xdg-open"]];
}

function withPage(args: readonly string[], page: string): readonly string[] {
  return args.some((word) => word.includes("%s"))
    ? args.map((word) => word.replaceAll("%s", () => page))
    : [...args, page];
}

// In a session of its own: the terminal's Ctrl-C is not for it, and it may stay when we have ended.
function start(file: string, args: readonly string[], env: Environment): Promise<boolean> {
  return new Promise((resolve) => {
    const child = startProgram(
      { file, args },
      { env: { ...env }, stdio: "ignore", detached: true },
    );
    child.once("error", () => resolve(false));
    child.once("spawn", () => resolve(true));
    child.unref();
  });
}
