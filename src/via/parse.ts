// Reads what --via, RDSIAM_VIA or rds_via say: one of the ways to a database that cannot be dialled directly.
// Pure. A password or a command never gets into an error's text, which goes to screens and logs.

import { RdsIamError } from "../base/errors.ts";
import { type HostPort, readAuthority, showHostPort } from "../base/host-port.ts";
import { readRelay, type RelayVia } from "./relay-address.ts";

/** A proxy, with what logs in to it. */
export interface ProxyAddress extends HostPort {
  readonly user: string | undefined;
  readonly password: string | undefined;
}

/** A way to the database. */
export type Via =
  | { readonly kind: "direct" }
  | ({ readonly kind: "tunnel" } & HostPort)
  | {
      readonly kind: "ssh";
      readonly host: string;
      readonly port: number | undefined;
      readonly user: string | undefined;
    }
  | { readonly kind: "ssm"; readonly target: string }
  | ({ readonly kind: "socks5" | "http" | "https" } & ProxyAddress)
  | { readonly kind: "command"; readonly command: string }
  | RelayVia;

/** Where the text stands: the command line, the environment or a configuration file. */
export type ViaSource = "option" | "environment" | "target";

const NAMES: Readonly<Record<ViaSource, string>> = {
  option: "--via",
  environment: "RDSIAM_VIA",
  target: "rds_via",
};

const FORMS =
  "One of: HOST:PORT, ssh://[USER@]HOST[:PORT], ssm://INSTANCE-ID, socks5://[USER:PASSWORD@]HOST:PORT, http://... or https://..., relay://HOST[:PORT], 'command:CMD %h %p', direct.";

const DEFAULT_PORTS = { socks5: 1080, http: 3128, https: 443 } as const;

// An instance, a managed node, or an ECS task's container as Session Manager names it.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartSession.html
const SSM_TARGET = /^(?:m?i-[0-9a-f]{8,17}|ecs:[\w-]+_[0-9a-f]+_[0-9a-f]+-\d+)$/;

/** Reads a way; what cannot be read, or may not stand where it stands, is an ERR_CONFIG that does not repeat it. */
export function parseVia(text: string, source: ViaSource): Via {
  const fail = (why: string, hint = FORMS): never => {
    throw new RdsIamError(`${NAMES[source]} ${why}`, { code: "ERR_CONFIG", hint });
  };
  if (text === "direct") return { kind: "direct" };
  if (text.startsWith("command:")) return readCommand(text.slice("command:".length), source, fail);
  const relay = /^(relay|rds-auth-proxy):\/\/([^]*)$/.exec(text);
  if (relay !== null) {
    const [, kind, rest = ""] = relay;
    return readRelay(kind === "relay" ? "relay" : "rds-auth-proxy", rest, fail);
  }
  const url = /^([a-z0-9+]+):\/\/(?:(.*)@)?([^@]*?)\/?$/i.exec(text);
  if (url === null) {
    const place = readAuthority(text);
    if (place?.port === undefined) return fail("says no way to the database");
    return { kind: "tunnel", host: place.host, port: place.port };
  }
  const [, scheme = "", login, rest = ""] = url;
  switch (scheme.toLowerCase()) {
    case "ssh":
      return readSsh(login, rest, fail);
    case "ssm":
      if (login !== undefined || !SSM_TARGET.test(rest))
        return fail("names no instance after ssm://");
      return { kind: "ssm", target: rest };
    case "socks5":
    case "socks5h":
      return readProxy("socks5", { login, rest, source }, fail);
    case "http":
    case "https":
      return readProxy(scheme === "http" ? "http" : "https", { login, rest, source }, fail);
    default:
      return fail(`knows no way of the kind ${scheme}://`);
  }
}

/** What of a way must not be shown. */
export function viaSecrets(via: Via): readonly string[] {
  const password = "password" in via ? via.password : undefined;
  return password === undefined ? [] : [password, encodeURIComponent(password)];
}

/** A way for people, without secrets: `ssh to bastion.example.com`. */
export function describeVia(via: Via): string {
  switch (via.kind) {
    case "direct":
      return "directly";
    case "tunnel":
      return `the tunnel at ${showHostPort(via)}`;
    case "ssh":
      return `ssh to ${via.user === undefined ? "" : `${via.user}@`}${via.host}`;
    case "ssm":
      return `Session Manager on ${via.target}`;
    case "socks5":
      return `the SOCKS proxy ${showHostPort(via)}`;
    case "http":
    case "https":
      return `the ${via.kind.toUpperCase()} proxy ${showHostPort(via)}`;
    case "command":
      return "the command of rds_via";
    case "relay":
      return `the relay ${showHostPort(via)}`;
    case "rds-auth-proxy":
      return `rds-auth-proxy at ${showHostPort(via)}`;
  }
}

type Fail = (why: string, hint?: string) => never;

// A program must not run because of a variable that a project's .env file or a CI form has set.
function readCommand(command: string, source: ViaSource, fail: Fail): Via {
  if (source === "environment") {
    return fail(
      "may not name a command",
      "Put it in the target's rds_via (via in rdsiam's own file), or give it with --via.",
    );
  }
  const bad = command.replaceAll(/%[hp%]/g, "").includes("%");
  if (bad || command.trim() === "" || /[\0\n\r]/.test(command)) {
    return fail(
      "names no command that can be run",
      "Write command:CMD; %h and %p stand for the database's host and port, %% for a percent sign.",
    );
  }
  return { kind: "command", command: command.trim() };
}

function readSsh(login: string | undefined, rest: string, fail: Fail): Via {
  const place = readAuthority(rest);
  if (login?.includes(":")) {
    return fail(
      "has a password for ssh in it",
      "ssh logs in with its own keys and agent: ssh://USER@HOST",
    );
  }
  const user = login === undefined ? undefined : decoded(login);
  if (place === undefined || (user !== undefined && !/^[A-Za-z0-9_][\w.@+\\-]*$/.test(user))) {
    return fail("names no host that ssh can go to");
  }
  return { kind: "ssh", host: place.host, port: place.port, user };
}

interface ProxyText {
  readonly login: string | undefined;
  readonly rest: string;
  readonly source: ViaSource;
}

function readProxy(kind: "socks5" | "http" | "https", text: ProxyText, fail: Fail): Via {
  const { login = "", rest, source } = text;
  const place = readAuthority(rest);
  if (place === undefined) return fail(`names no host after ${kind}://`);
  const [, user = "", password] = /^([^:]*)(?::([^]*))?$/.exec(login) ?? [];
  if (password !== undefined && source === "option") {
    // Every user of the machine can read a command line.
    return fail(
      "may not have a password in it",
      "Put it in RDSIAM_VIA or in the target's rds_via.",
    );
  }
  return {
    kind,
    host: place.host,
    port: place.port ?? DEFAULT_PORTS[kind],
    user: user === "" && password === undefined ? undefined : decoded(user),
    password: password === undefined ? undefined : decoded(password),
  };
}

// A bare % is taken as it stands.
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
