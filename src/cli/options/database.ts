// Options that say which database, how it is reached and what it is verified with.
import { ON_DATABASE, ON_PROXY, type OptionSpec } from "./spec.ts";

/** Where. */
export const DATABASE_OPTIONS = [
  {
    name: "host",
    value: "HOST[:PORT]",
    completes: "host",
    summary: "the database, instead of the target's rds_host",
    commands: ON_DATABASE,
  },
  {
    name: "user",
    short: "U",
    value: "USER",
    summary: "database user",
    commands: [...ON_DATABASE, "discover"],
  },
  { name: "dbname", short: "d", value: "DB", summary: "database name", commands: ON_DATABASE },
  {
    name: "via",
    value: "WHERE",
    summary: "way there: HOST:PORT, ssh://, ssm://, socks5://, ...",
    commands: [...ON_PROXY, "url", "env", "doctor"],
  },
  {
    name: "signHost",
    value: "HOST[:PORT]",
    completes: "host",
    summary: "the RDS endpoint that the host stands for",
    commands: ON_DATABASE,
  },
  {
    name: "strictHost",
    summary: "fail when the host leads elsewhere than before",
    commands: ON_DATABASE,
  },
  {
    name: "readOnly",
    summary: "sessions start as default_transaction_read_only",
    commands: ON_PROXY,
  },
  {
    name: "sslrootcert",
    value: "FILE|DIR|system",
    completes: "file",
    summary: "CA bundles to trust, with commas between",
    commands: ON_DATABASE,
  },
  {
    name: "passwordCommand",
    value: "CMD",
    summary: "log in with what it prints, instead of IAM",
    commands: [...ON_PROXY, "doctor"],
  },
] as const satisfies readonly OptionSpec[];
