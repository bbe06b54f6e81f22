// Options of every command.
import type { OptionSpec } from "./spec.ts";

/** What rdsiam says. */
export const GENERAL_OPTIONS = [
  { name: "quiet", short: "q", summary: "no line on stderr when it connects" },
  { name: "verbose", short: "v", summary: "say each step on stderr" },
  {
    name: "logFormat",
    value: "FORMAT",
    choices: ["text", "json"],
    summary: "rdsiam's own lines on stderr: text or json",
  },
  { name: "help", short: "h", summary: "show this help" },
  { name: "version", short: "V", summary: "show the version" },
] as const satisfies readonly OptionSpec[];
