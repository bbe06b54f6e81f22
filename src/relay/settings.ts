// What a relay is started with: option, then environment, then its file, then default.

import { isIP } from "node:net";
import { readAuthority } from "../base/host-port.ts";
import { RdsIamError } from "../base/errors.ts";
import { optionFlag, type OptionName, type Options, valueOrTwin } from "../cli/options.ts";
import type { RelayConfig, SettingName } from "./config.ts";

/** The settled settings of a relay. */
export interface RelaySettings {
  readonly listen: { readonly host: string; readonly port: number };
  readonly tlsCert: string;
  readonly tlsKey: string;
  readonly tlsClientCa: string | undefined;
  /** The Region in which STS is asked, where somebody says one. */
  readonly region: string | undefined;
  /** Undefined where no health checks are answered. */
  readonly health: { readonly address: string; readonly port: number } | undefined;
  readonly maxConnections: number;
  /** ms that sessions get to end by themselves. */
  readonly drainTimeout: number;
  readonly dnsServers: readonly string[];
}

const DEFAULTS = {
  listen: "0.0.0.0:8443",
  health_address: "127.0.0.1",
  max_connections: "2000",
  // Two minutes less than the hour that the manifests give a relay to end.
  drain_timeout: "3480",
} as const;

const OPTION_NAMES: Readonly<Partial<Record<SettingName, OptionName>>> = {
  listen: "listen",
  tls_cert: "tlsCert",
  tls_key: "tlsKey",
  tls_client_ca: "tlsClientCa",
  region: "region",
  health_address: "healthAddress",
  health_port: "healthPort",
  max_connections: "maxConnections",
  drain_timeout: "drainTimeout",
};

/** Settles a relay's settings; what is wrong names the option. */
export function resolveRelaySettings(
  options: Options,
  env: Readonly<Record<string, string | undefined>>,
  { settings }: RelayConfig,
): RelaySettings {
  const read = (name: SettingName): string | undefined => {
    const option = OPTION_NAMES[name];
    const given = option === undefined ? undefined : valueOrTwin(options, env, option);
    return given ?? settings[name] ?? (DEFAULTS as Readonly<Record<string, string>>)[name];
  };
  const integer = (name: SettingName, most: number): number => {
    const value = read(name) ?? "";
    if (/^\d{1,9}$/.test(value) && Number(value) <= most) return Number(value);
    throw wrong(name, `must be a whole number up to ${most}`);
  };
  const required = (name: SettingName): string => {
    const value = read(name);
    if (value !== undefined) return value;
    throw wrong(name, "is needed: a relay always speaks TLS");
  };
  return {
    listen: readListen(read("listen") ?? ""),
    tlsCert: required("tls_cert"),
    tlsKey: required("tls_key"),
    tlsClientCa: read("tls_client_ca"),
    region: read("region"),
    health:
      read("health_port") === undefined
        ? undefined
        : { address: read("health_address") ?? "", port: integer("health_port", 65_535) },
    maxConnections: integer("max_connections", 1_000_000),
    drainTimeout: integer("drain_timeout", 86_400) * 1_000,
    dnsServers: (read("dns_servers") ?? "").split(/[\s,]+/).filter((server) => server !== ""),
  };
}

function readListen(text: string): RelaySettings["listen"] {
  const { host = "", port } = readAuthority(text, 0) ?? {};
  if (isIP(host) === 0 || port === undefined) throw wrong("listen", "must be ADDRESS:PORT");
  return { host, port };
}

function wrong(name: SettingName, why: string): RdsIamError {
  const option = OPTION_NAMES[name];
  const flag = option === undefined ? name : optionFlag(option);
  return new RdsIamError(`${flag} ${why}`, {
    code: "ERR_CONFIG",
    hint: `Give ${flag}, or ${name} in the [relay] section of the relay's file.`,
  });
}
