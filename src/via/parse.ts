// Parses a tunnel: the value of --via, RDSIAM_VIA or rds_via.
// Pure. A password or a command never gets into an error's text, which goes to screens and logs.

import { RdsIamError } from "../base/errors.ts";
import { type HostPort, readAuthority, showHostPort } from "../base/host-port.ts";
import {
  type Fail,
  type KubeAddress,
  type RdsAuthProxyAddress,
  readKube,
  readRdsAuthProxy,
  readRelay,
  type RelayAddress,
} from "./parse-server.ts";

/** A SOCKS5 or HTTP proxy, with the login for it. */
export interface ProxyAddress extends HostPort {
  readonly user: string | undefined;
  readonly password: string | undefined;
}

/** A tunnel as `--via` names it. */
export type Via =
  | { readonly kind: "direct" }
  | ({ readonly kind: "forwarded-port" } & HostPort)
  | {
      readonly kind: "ssh";
      readonly host: string;
      readonly port: number | undefined;
      readonly user: string | undefined;
    }
  | {
      /** ssh, carried by an EC2 Instance Connect Endpoint. */
      readonly kind: "eice";
      readonly instance: string;
      readonly user: string;
    }
  | { readonly kind: "ssm"; readonly instance: string }
  | {
      readonly kind: "ssm";
      /** The nearest to the database, of those with the tag where there is one. */
      readonly instance: undefined;
      /** `*` and `?` in its pattern are wildcards. */
      readonly tag: { readonly key: string; readonly pattern: string } | undefined;
    }
  | ({ readonly kind: "socks5" | "http" | "https" } & ProxyAddress)
  | { readonly kind: "command"; readonly command: string }
  | ({ readonly kind: "kube" } & KubeAddress)
  | ({ readonly kind: "relay" } & RelayAddress)
  | ({ readonly kind: "rds-auth-proxy" } & RdsAuthProxyAddress);

/** Where the text comes from: the command line, the environment or a configuration file. */
export type ViaSource = "option" | "environment" | "target";

const NAMES: Readonly<Record<ViaSource, string>> = {
  option: "{--via}",
  environment: "RDSIAM_VIA",
  target: "rds_via",
};

const FORMS =
  "One of: HOST:PORT, ssh://[USER@]HOST[:PORT], ssh+eice://[USER@]INSTANCE-ID, ssm, ssm://INSTANCE-ID, ssm://Name=PATTERN, socks5://[USER:PASSWORD@]HOST:PORT, http://... or https://..., relay://HOST[:PORT], kube://NAMESPACE/svc/NAME[:PORT], 'command:CMD %h %p', direct.";

const DEFAULT_PORTS = {
  socks5: 1080,
  http: 3128,
  https: 443,
} as const;

const SSH_USER = /^[A-Za-z0-9_][\w.@+\\-]*$/;

// An instance, a managed node, or an ECS task's container as Session Manager names it.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartSession.html
const SSM_TARGET = /^(?:m?i-[0-9a-f]{8,17}|ecs:[\w-]+_[0-9a-f]+_[0-9a-f]+-\d+)$/;

/** Parses a tunnel; ERR_CONFIG, without the text, when it is not valid or not allowed at its source. */
export function parseVia(text: string, source: ViaSource): Via {
  const fail = (why: string, hint = FORMS): never => {
    throw new RdsIamError(`${NAMES[source]} ${why}`, { code: "ERR_CONFIG", hint });
  };
  if (text === "direct") return { kind: "direct" };
  if (text === "ssm") return { kind: "ssm", instance: undefined, tag: undefined };
  if (text.startsWith("command:")) return readCommand(text.slice("command:".length), fail);
  if (/^(?:kube\+)?relay:\/\//.test(text)) return readRelay(text, fail);
  if (/^(?:kube\+)?rds-auth-proxy:\/\//.test(text)) return readRdsAuthProxy(text, fail);
  if (text.startsWith("kube://")) return { kind: "kube", ...readKube(text, fail) };
  const url = /^([a-z0-9+]+):\/\/(?:(.*)@)?([^@]*?)\/?$/i.exec(text);
  if (url === null) {
    const address = readAuthority(text);
    if (address?.port === undefined) return failUnknown(text, fail);
    return { kind: "forwarded-port", host: address.host, port: address.port };
  }
  const [, written = "", login, rest = ""] = url;
  const scheme = written.toLowerCase();
  switch (scheme) {
    case "ssh":
      return readSsh(login, rest, fail);
    case "ssh+eice":
      return readEice(login, rest, fail);
    case "ssm":
      if (login !== undefined) return fail("has a user after ssm://, which takes none");
      return readSsm(rest, fail);
    case "socks5":
    case "socks5h":
      return readProxy("socks5", { login, rest, source }, fail);
    case "http":
    case "https":
      return readProxy(scheme, { login, rest, source }, fail);
    default:
      return fail(`has the unknown scheme ${written}://`);
  }
}

/** The parts of a tunnel that must not be shown. */
export function viaSecrets(via: Via): readonly string[] {
  const password = "password" in via ? via.password : undefined;
  return password === undefined ? [] : [password, encodeURIComponent(password)];
}

/** A tunnel for messages, without secrets: `ssh to bastion.example.com`. */
export function describeVia(via: Via): string {
  switch (via.kind) {
    case "direct":
      return "directly";
    case "forwarded-port":
      return `the tunnel at ${showHostPort(via)}`;
    case "ssh":
      return `ssh to ${via.user === undefined ? "" : `${via.user}@`}${via.host}`;
    case "eice":
      return `ssh to ${via.user}@${via.instance} through an EC2 Instance Connect Endpoint`;
    case "ssm":
      return `Session Manager on ${via.instance ?? nearest(via.tag)}`;
    case "socks5":
      return `the SOCKS proxy ${showHostPort(via)}`;
    case "http":
    case "https":
      return `the ${via.kind.toUpperCase()} proxy ${showHostPort(via)}`;
    case "command":
      return "the command of rds_via";
    case "kube":
      return describeKube(via);
    case "relay":
      return `the relay ${describeServer(via)}`;
    case "rds-auth-proxy":
      return `rds-auth-proxy at ${describeServer(via)}`;
  }
}

function describeKube({ resource, namespace }: KubeAddress): string {
  return `kubectl port-forward to ${resource} in ${namespace}`;
}

function describeServer({ kube, ...server }: RelayAddress | RdsAuthProxyAddress): string {
  if (kube === undefined) return showHostPort(server);
  return `${kube.resource} in ${kube.namespace} (kubectl port-forward)`;
}

function nearest(tag: { readonly key: string; readonly pattern: string } | undefined): string {
  return `the nearest instance${tag === undefined ? "" : ` whose tag ${tag.key} is ${tag.pattern}`}`;
}

// Nothing but a bare name is shown: it has no room for a password.
function failUnknown(text: string, fail: Fail): never {
  const [, scheme = "ssh", host = ""] = /^(?:(ssh|ssm):)?([\w-]+(?:\.[\w-]+)*)$/.exec(text) ?? [];
  if (host === "") return fail("is not a valid tunnel");
  const meant = SSM_TARGET.test(host) ? "ssm" : scheme;
  return fail(`"${text}" is not a valid tunnel`, `Did you mean ${meant}://${host}? ${FORMS}`);
}

// From a variable too: what sets the environment chooses what runs anyway (SECURITY.md).
function readCommand(command: string, fail: Fail): Via {
  const bad = command.replaceAll(/%[hp%]/g, "").includes("%");
  if (bad || command.trim() === "" || /[\0\n\r]/.test(command)) {
    return fail(
      "has no valid command",
      "Write command:CMD; %h and %p stand for the database's host and port, %% for a percent sign.",
    );
  }
  return { kind: "command", command: command.trim() };
}

function readSsh(login: string | undefined, rest: string, fail: Fail): Via {
  const address = readAuthority(rest);
  if (login?.includes(":")) {
    return fail(
      "has a password for ssh in it",
      "ssh logs in with its own keys and agent: ssh://USER@HOST",
    );
  }
  const user = login === undefined ? undefined : decoded(login);
  if (address === undefined || (user !== undefined && !SSH_USER.test(user))) {
    return fail("has no valid host after ssh://");
  }
  return { kind: "ssh", host: address.host, port: address.port, user };
}

// An endpoint of theirs leads to port 22 alone, but for 3389.
function readEice(login = "ec2-user", rest: string, fail: Fail): Via {
  const user = decoded(login);
  if (!/^i-[0-9a-f]{8,17}$/.test(rest) || !SSH_USER.test(user)) {
    return fail("has no valid instance after ssh+eice://", "Write ssh+eice://[USER@]i-...");
  }
  return { kind: "eice", instance: rest, user };
}

function readSsm(rest: string, fail: Fail): Via {
  if (rest === "auto") return { kind: "ssm", instance: undefined, tag: undefined };
  if (SSM_TARGET.test(rest)) return { kind: "ssm", instance: rest };
  const [, key, pattern] = /^(Name|tag:[^=]+)=(.+)$/.exec(decoded(rest)) ?? [];
  if (key !== undefined && pattern !== undefined) {
    return { kind: "ssm", instance: undefined, tag: { key: key.replace(/^tag:/, ""), pattern } };
  }
  return fail(
    "has no valid instance after ssm://",
    "Write ssm for the nearest instance, ssm://Name=PATTERN or ssm://tag:KEY=PATTERN for the nearest with that tag, or ssm://i-... for one.",
  );
}

interface ProxyText {
  readonly login: string | undefined;
  readonly rest: string;
  readonly source: ViaSource;
}

function readProxy(kind: "socks5" | "http" | "https", text: ProxyText, fail: Fail): Via {
  const { login = "", rest, source } = text;
  const address = readAuthority(rest);
  if (address === undefined) return fail(`has no valid host after ${kind}://`);
  const [, user = "", password] = /^([^:]*)(?::([^]*))?$/.exec(login) ?? [];
  if (password !== undefined && source === "option") {
    // Every user of the machine can read a command line.
    return fail(
      "must not have a password in it",
      "Put it in RDSIAM_VIA or in the target's rds_via.",
    );
  }
  return {
    kind,
    host: address.host,
    port: address.port ?? DEFAULT_PORTS[kind],
    user: user === "" && password === undefined ? undefined : decoded(user),
    password: password === undefined ? undefined : decoded(password),
  };
}

// A bare % is taken as it is.
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
