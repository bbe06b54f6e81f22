// Puts the terminal back as it was when a tool was killed with the echo off (a pager, psql's \password).
// Node and Bun do it themselves when they end; Deno leaves the terminal as it is, so only there stty is asked.
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/stty.html
import { spawnSync } from "node:child_process";
import process from "node:process";

/** The settings of the terminal on stdin, in stty's words; undefined where there is nothing to restore. */
export function saveTerminal(): string | undefined {
  if (!("deno" in process.versions) || !process.getBuiltinModule("node:tty").isatty(0))
    return undefined;
  const result = spawnSync("stty", ["-g"], { stdio: ["inherit", "pipe", "ignore"] });
  return result.status === 0 ? result.stdout.toString().trim() : undefined;
}

/** Restores what saveTerminal() answered. */
export function restoreTerminal(saved: string | undefined): void {
  if (saved === undefined) return;
  // A killed shell may have left its own group in the foreground: with SIGTTOU ignored, stty works from the background too.
  spawnSync("sh", ["-c", `trap "" TTOU; exec stty "$1"`, "sh", saved], {
    stdio: ["inherit", "ignore", "ignore"],
  });
}
