// The options of serving others: of a proxy that does, and of the relay.
import type { OptionSpec } from "./option-table.ts";

/** Options of a proxy that serves others: where it listens, who may log in, how long sessions live. */
export const SERVE_OPTIONS = [
  {
    name: "listen",
    value: "ADDRESS",
    summary: "where to listen; requires TLS beyond loopback",
    commands: ["proxy"],
  },
  {
    name: "tlsCert",
    value: "FILE",
    completes: "file",
    summary: "certificate to serve TLS with; reread on change",
    commands: ["proxy"],
  },
  {
    name: "tlsKey",
    value: "FILE",
    completes: "file",
    summary: "its private key",
    commands: ["proxy"],
  },
  { name: "requireTls", summary: "refuse connections without TLS", commands: ["proxy"] },
  {
    name: "tlsClientCa",
    value: "FILE",
    completes: "file",
    summary: "require client certificates from these CAs",
    commands: ["proxy"],
  },
  {
    name: "passwordFile",
    value: "FILE",
    completes: "file",
    summary: "file with the proxy's password; created if absent",
    commands: ["proxy"],
  },
  {
    name: "clientAuth",
    value: "METHOD",
    choices: ["scram-sha-256", "password", "trust"],
    summary: "how clients log in (default: scram-sha-256)",
    commands: ["proxy"],
  },
  {
    name: "auth",
    value: "HOW",
    choices: ["iam", "pass-through"],
    summary: "iam, or pass-through (client authenticates itself)",
    commands: ["proxy"],
  },
  {
    name: "matchUser",
    summary: "use IAM for --user only; others log in themselves",
    commands: ["proxy"],
  },
  {
    name: "idleTimeout",
    value: "DURATION",
    summary: "end sessions idle that long (90s, 30m, 8h)",
    commands: ["proxy"],
  },
  {
    name: "maxConnections",
    value: "N",
    summary: "sessions per target (100; with --listen 1000)",
    commands: ["proxy"],
  },
  {
    name: "maxUserConnections",
    value: "N",
    summary: "sessions of one database user (default: no limit)",
    commands: ["proxy"],
  },
  {
    name: "sessionTimeout",
    value: "DURATION",
    summary: "end sessions after that long (90s, 30m, 8h)",
    commands: ["proxy", "relay"],
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

/** Options of `rdsiam relay`. Its file says who may use it, and for which databases. */
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
    summary: "Region of the STS that identifies the clients",
    commands: ["relay"],
  },
  {
    name: "maxConnections",
    value: "N",
    summary: "concurrent sessions (default: 2000)",
    commands: ["relay"],
  },
  {
    name: "maxUserConnections",
    value: "N",
    summary: "sessions of one identity (default: no limit)",
    commands: ["relay"],
  },
  {
    name: "drainTimeout",
    value: "SECONDS",
    summary: "wait for sessions after SIGTERM (default: 3480)",
    commands: ["relay"],
  },
  {
    name: "tlsCert",
    value: "FILE",
    completes: "file",
    summary: "certificate to serve TLS with; reread on change",
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
    summary: "require client certificates from these CAs",
    commands: ["relay"],
  },
] as const satisfies readonly OptionSpec[];
