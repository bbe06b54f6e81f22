// Options of the proxy's local side: where it listens, who gets in, what it tells the tool.
import { ON_PROXY, type OptionSpec } from "./spec.ts";

/** The local side. */
export const PROXY_OPTIONS = [
  {
    name: "port",
    value: "N",
    summary: "local port (default: rds_local_port, else any)",
    commands: ON_PROXY,
  },
  {
    name: "socket",
    value: "DIR",
    completes: "directory",
    summary: "a unix socket in DIR instead of a port",
    commands: ["proxy"],
  },
  {
    name: "listen",
    value: "ADDRESS",
    summary: "where to listen; beyond loopback with TLS only",
    commands: ["proxy"],
  },
  {
    name: "tlsCert",
    value: "FILE",
    completes: "file",
    summary: "serve TLS with it; read again when it changes",
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
    summary: "demand client certificates of these CAs",
    commands: ["proxy"],
  },
  {
    name: "passwordFile",
    value: "FILE",
    completes: "file",
    summary: "keep the proxy's password there; made if absent",
    commands: ["proxy"],
  },
  {
    name: "clientAuth",
    value: "METHOD",
    choices: ["scram-sha-256", "password", "trust"],
    summary: "how tools log in (default: scram-sha-256)",
    commands: ["proxy"],
  },
  {
    name: "auth",
    value: "HOW",
    choices: ["iam", "pass-through"],
    summary: "iam, or pass-through: tool and server log in",
    commands: ["proxy"],
  },
  {
    name: "matchUser",
    summary: "log in for --user alone; others as they are",
    commands: ["proxy"],
  },
  {
    name: "idleTimeout",
    value: "DURATION",
    summary: "end sessions idle for so long (90s, 30m, 8h)",
    commands: ["proxy"],
  },
  {
    name: "maxConnections",
    value: "N",
    summary: "sessions at once, of each target (default: 100)",
    commands: ["proxy"],
  },
] as const satisfies readonly OptionSpec[];
