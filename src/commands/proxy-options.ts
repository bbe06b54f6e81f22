// The options of `rdsiam proxy` for its addresses and its clients, with the rules between them: what would let
// unauthenticated clients in, or send a password over a network in the clear, is an error.
import { isIP } from "node:net";
import { readDuration } from "../base/duration.ts";
import type { Environment } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import type { LocalOptions } from "../serve/local-side.ts";
import { isOn, type OptionName, type Options, optionValue } from "../cli/options.ts";
import { optionFlag } from "../config/names.ts";
import { localPort } from "./local-port.ts";

const JDBC_TOOLS = ["dbeaver", "datagrip", "jdbc"];
const MAX_SESSIONS = 100; // of each target
const MAX_REMOTE_SESSIONS = 1_000; // beyond loopback, where others share the proxy

/** Reads the options; every error has a hint with what to type instead. */
export function readProxyOptions(options: Options, env: Environment): LocalOptions {
  const read = (name: OptionName): string | undefined => optionValue(options, env, name);
  const host = address(read("listen"));
  const own: LocalOptions = {
    auth: authOf(read("auth")),
    matchUser: isOn(options, env, "matchUser"),
    clientAuth: clientAuthOf(read("clientAuth")),
    host,
    socket: read("socket"),
    port: localPort(options, env),
    tls: readTls(options, env, host),
    passwordFile: read("passwordFile"),
    idleTimeout: duration(read, "idleTimeout"),
    sessionTimeout: duration(read, "sessionTimeout"),
    maxSessions:
      count(read, "maxConnections") ?? (isLoopback(host) ? MAX_SESSIONS : MAX_REMOTE_SESSIONS),
    maxUserSessions: count(read, "maxUserConnections"),
  };
  refuseContradictions(own, { options, env });
  return own;
}

function readTls(
  options: Options,
  env: Environment,
  host: string | undefined,
): LocalOptions["tls"] {
  const cert = optionValue(options, env, "tlsCert");
  const key = optionValue(options, env, "tlsKey");
  const clientCa = optionValue(options, env, "tlsClientCa");
  const required = isOn(options, env, "requireTls");
  if (cert !== undefined && key !== undefined) {
    const isForced = clientCa !== undefined || !isLoopback(host);
    return { cert, key, clientCa, required: required || isForced };
  }
  if (cert === undefined && key === undefined && clientCa === undefined && !required)
    return undefined;
  const missing = [cert === undefined && "--tls-cert FILE", key === undefined && "--tls-key FILE"];
  throw usage(
    "TLS needs a certificate and its key",
    `Add ${missing.filter(Boolean).join(" and ")}.`,
  );
}

function refuseContradictions(
  { auth, clientAuth, host, matchUser, passwordFile, socket, tls }: LocalOptions,
  { options, env }: { readonly options: Options; readonly env: Environment },
): void {
  const given = (name: OptionName): string | undefined => optionValue(options, env, name);
  const refuseBoth = (one: string, other: string, detail?: string): never => {
    throw usage(`${one} and ${other} cannot be combined`, "Leave one of them out.", detail);
  };
  const tool = given("printConfig");
  if (socket !== undefined && host !== undefined) refuseBoth("--socket", "--listen");
  if (socket !== undefined && tls !== undefined) refuseBoth("--socket", "TLS");
  if (tool !== undefined && options.json) refuseBoth("--print-config", "--json");
  if (tool !== undefined && socket !== undefined && JDBC_TOOLS.includes(tool))
    refuseBoth("--socket", `--print-config ${tool}`, "JDBC needs a port.");
  if (!isLoopback(host) && tls === undefined) {
    throw usage(
      `listening on ${host} needs TLS`,
      "Add --tls-cert FILE --tls-key FILE, or leave --listen out to listen on this machine only.",
      "Without TLS anyone on the network could read the data and the passwords of the tools.",
    );
  }
  if (!isLoopback(host) && clientAuth === "trust" && auth !== "pass-through") {
    throw usage(
      `--client-auth trust on ${host} would let the whole network into the database`,
      "Leave --client-auth out, or listen on this machine only.",
    );
  }
  if (auth !== undefined && given("passwordCommand") !== undefined)
    refuseBoth(`--auth ${auth}`, "--password-command");
  if (auth !== undefined && given("secret") !== undefined) refuseBoth(`--auth ${auth}`, "--secret");
  if (auth !== "pass-through") return;
  const detail = "With pass-through every client authenticates to the server itself.";
  if (matchUser) refuseBoth("--auth pass-through", "--match-user", detail);
  if ((passwordFile ?? given("clientAuth")) !== undefined) {
    throw usage(
      "with --auth pass-through the proxy has no password of its own",
      "Leave --password-file and --client-auth out.",
      detail,
    );
  }
}

function isLoopback(host: string | undefined): boolean {
  return host === undefined || host === "::1" || /^(?:::ffff:)?127\./i.test(host);
}

function authOf(value: string | undefined): LocalOptions["auth"] {
  return value === "iam" || value === "pass-through" ? value : undefined;
}

function clientAuthOf(value: string | undefined): LocalOptions["clientAuth"] {
  return value === "password" || value === "trust" ? value : "scram-sha-256";
}

function address(value: string | undefined): string | undefined {
  if (value === undefined || value === "localhost") return undefined;
  const bare = value.replace(/^\[(.*)\]$/, "$1");
  if (isIP(bare) !== 0) return bare;
  throw usage(
    `"${value}" is not a valid address to listen on`,
    "Write an IP address of this machine: --listen 0.0.0.0 for all of them. The port is --port N.",
  );
}

type ReadOption = (name: OptionName) => string | undefined;

function duration(read: ReadOption, name: OptionName): number | undefined {
  const value = read(name);
  if (value === undefined) return undefined;
  const ms = readDuration(value);
  if (ms !== undefined) return ms === 0 ? undefined : ms;
  throw usage(
    `"${value}" is not a valid duration`,
    `Write ${optionFlag(name)} 90s, 30m or 8h, 24 days at most; 0 means no limit.`,
  );
}

function count(read: ReadOption, name: OptionName): number | undefined {
  const value = read(name);
  if (value === undefined) return undefined;
  if (/^[1-9]\d{0,4}$/.test(value)) return Number(value);
  throw usage(
    `"${value}" is not a valid number of connections`,
    `Write ${optionFlag(name)} N, 1 to 99999.`,
  );
}

function usage(message: string, hint: string, detail?: string): RdsIamError {
  return new RdsIamError(message, { code: "ERR_USAGE", hint, detail });
}
