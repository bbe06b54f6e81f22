// The options of `rdsiam proxy` that say where it listens and who may come in, with the rules between them: what would let
// strangers in, or sends a password over a network in the clear, is an error.
import { isIP } from "node:net";
import type { Environment } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import type { LocalOptions } from "../serve/local-side.ts";
import { isOn, type OptionName, type Options, optionValue } from "../cli/options.ts";
import { localPort } from "./local-port.ts";

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const JDBC_TOOLS = ["dbeaver", "datagrip", "jdbc"];
const LONGEST = 24 * 86_400_000; // ms; setTimeout() takes 31 bits

/** Reads the options; every error says what to type instead. */
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
    idleTimeout: duration(read("idleTimeout")),
    maxSessions: count(read("maxConnections")),
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
  own: LocalOptions,
  { options, env }: { readonly options: Options; readonly env: Environment },
): void {
  const { auth, clientAuth, host, socket, tls } = own;
  if (socket !== undefined && (host !== undefined || tls !== undefined)) {
    const other = host === undefined ? "TLS" : "--listen";
    throw usage(`--socket and ${other} exclude each other`, "Leave one of them out.");
  }
  const tool = optionValue(options, env, "printConfig");
  if (tool !== undefined && options.json)
    throw usage("--print-config and --json exclude each other", "Leave one of them out.");
  if (tool !== undefined && socket !== undefined && JDBC_TOOLS.includes(tool)) {
    throw usage(
      `--socket and --print-config ${tool} exclude each other`,
      "Leave --socket out: JDBC wants a port.",
    );
  }
  if (!isLoopback(host) && tls === undefined) {
    throw usage(
      `listening on ${host} needs TLS`,
      "Add --tls-cert FILE --tls-key FILE, or listen on this machine alone: leave --listen out.",
      "Whatever goes over a network would be readable there: the data, and with it what tools log in with.",
    );
  }
  if (!isLoopback(host) && clientAuth === "trust" && auth !== "pass-through") {
    throw usage(
      `--client-auth trust on ${host} would let the whole network into the database`,
      "Leave --client-auth out, or listen on this machine alone.",
    );
  }
  refuseOtherLogins(own, { options, env });
}

// Who logs in to the server is said once.
function refuseOtherLogins(
  { auth, matchUser, passwordFile }: LocalOptions,
  { options, env }: { readonly options: Options; readonly env: Environment },
): void {
  if (auth !== undefined && optionValue(options, env, "passwordCommand") !== undefined) {
    throw usage(
      `--auth ${auth} and --password-command exclude each other`,
      "Leave one of them out.",
    );
  }
  if (auth === "pass-through" && matchUser) {
    throw usage(
      "--auth pass-through and --match-user exclude each other",
      "Leave one of them out.",
      "With --auth pass-through every user logs in by itself.",
    );
  }
  if (
    auth === "pass-through" &&
    (passwordFile ?? optionValue(options, env, "clientAuth")) !== undefined
  ) {
    throw usage(
      "with --auth pass-through the proxy has no password of its own",
      "Leave --password-file and --client-auth out.",
      "The login is left to the tool and the server.",
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
    `"${value}" is no address to listen on`,
    "Write an IP address of this machine: --listen 0.0.0.0 for all of them. The port is --port N.",
  );
}

function duration(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const [, digits, unit = "s"] = /^(\d{1,9})(ms|[smhd])?$/.exec(value) ?? [];
  const ms = Number(digits) * (UNITS[unit] ?? Number.NaN);
  if (ms >= 0 && ms <= LONGEST) return ms === 0 ? undefined : ms;
  throw usage(
    `"${value}" is no duration`,
    "Write --idle-timeout 90s, 30m or 8h, 24 days at most; 0 is without a limit.",
  );
}

function count(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^[1-9]\d{0,4}$/.test(value)) return Number(value);
  throw usage(`"${value}" is no number of connections`, "Write --max-connections N, 1 to 99999.");
}

function usage(message: string, hint: string, detail?: string): RdsIamError {
  return new RdsIamError(message, { code: "ERR_USAGE", hint, detail });
}
