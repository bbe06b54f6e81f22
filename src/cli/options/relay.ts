// Options of `rdsiam relay`: what it serves with. Who may use it, and for which databases, is in its file.
import type { OptionSpec } from "./spec.ts";

/** The relay's own. */
export const RELAY_OPTIONS = [
  {
    name: "config",
    value: "FILE",
    completes: "file",
    summary: "the relay's file: who may reach which database",
    commands: ["relay"],
  },
  {
    name: "listen",
    value: "ADDRESS:PORT",
    summary: "where to listen (default: 0.0.0.0:8443)",
    commands: ["relay"],
  },
  {
    name: "region",
    value: "REGION",
    completes: "region",
    summary: "where STS is asked who the clients are",
    commands: ["relay"],
  },
  {
    name: "maxConnections",
    value: "N",
    summary: "sessions at once (default: 2000)",
    commands: ["relay"],
  },
  {
    name: "drainTimeout",
    value: "SECONDS",
    summary: "for sessions to end after SIGTERM (default: 3480)",
    commands: ["relay"],
  },
  {
    name: "tlsCert",
    value: "FILE",
    completes: "file",
    summary: "serve TLS with it; read again when it changes",
    commands: ["relay"],
  },
  {
    name: "tlsKey",
    value: "FILE",
    completes: "file",
    summary: "its private key",
    commands: ["relay"],
  },
  {
    name: "tlsClientCa",
    value: "FILE",
    completes: "file",
    summary: "demand client certificates of these CAs",
    commands: ["relay"],
  },
] as const satisfies readonly OptionSpec[];
