// Options that belong to one command, or to a few that do alike.
import type { OptionSpec } from "./spec.ts";

/** What the command itself does. */
export const OWN_OPTIONS = [
  {
    name: "target",
    value: "[NAME=]TARGET",
    completes: "target",
    repeatable: true,
    summary: "one of several; NAME=TARGET sets NAME_PGHOST, ...",
    commands: ["exec"],
  },
  {
    name: "databaseUrl",
    value: "NAME",
    bare: "DATABASE_URL",
    summary: "set DATABASE_URL, or NAME, to the proxy's URL",
    commands: ["exec"],
  },
  {
    name: "template",
    summary: "fill in {host} {port} {user} {dbname} {url}",
    commands: ["exec"],
  },
  {
    name: "region",
    value: "REGION",
    completes: "region",
    repeatable: true,
    summary: "Region to look in; repeatable",
    commands: ["discover"],
  },
  {
    name: "region",
    value: "REGION",
    completes: "region",
    summary: "one Region's bundle (default: the partition's)",
    commands: ["ca"],
  },
  {
    name: "partition",
    value: "NAME",
    choices: ["aws", "aws-us-gov", "aws-cn"],
    summary: "whose certificates (default: aws)",
    commands: ["ca"],
  },
  { name: "allRegions", summary: "look in every Region of the account", commands: ["discover"] },
  {
    name: "tag",
    value: "KEY[=VALUE]",
    repeatable: true,
    summary: "only what has this tag; repeatable",
    commands: ["discover"],
  },
  {
    name: "write",
    summary: "add what is new to rdsiam's own configuration file",
    commands: ["discover"],
  },
  {
    name: "check",
    summary: "ask STS first whose the credentials are",
    commands: ["token"],
  },
  {
    name: "shell",
    value: "sh|fish",
    choices: ["sh", "fish"],
    summary: "whose syntax to print (default: sh)",
    commands: ["env"],
  },
  {
    name: "install",
    summary: "write the script where the shell looks for it",
    commands: ["completion"],
  },
  { name: "unset", summary: "print what takes the variables away again", commands: ["env"] },
  { name: "names", summary: "print the names only", commands: ["list"] },
  {
    name: "json",
    summary: "print JSON",
    commands: ["proxy", "list", "token", "env", "doctor", "policy", "discover"],
  },
  {
    name: "printConfig",
    value: "TOOL",
    choices: ["dbeaver", "datagrip", "pgadmin", "tableplus", "jdbc", "docker"],
    summary: "what to type where in a tool, instead of the URL",
    commands: ["proxy"],
  },
  {
    name: "healthPort",
    value: "N",
    summary: "serve /startup /readiness /liveness /metrics",
    commands: ["proxy", "relay"],
  },
  {
    name: "healthAddress",
    value: "ADDRESS",
    summary: "address of that port (default: 127.0.0.1)",
    commands: ["proxy", "relay"],
  },
] as const satisfies readonly OptionSpec[];
