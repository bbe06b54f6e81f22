// Which HTTP proxy an AWS call goes through: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as the AWS CLI reads them.
// The lower-case name wins over the upper-case one, a name in NO_PROXY covers its subdomains, and loopback has no
// exception of its own. Beyond the AWS CLI, NO_PROXY may have networks in CIDR notation. https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-proxy.html

import { Buffer } from "node:buffer";
import type { Agent } from "node:https";
import { isIP } from "node:net";
import { isNetwork, networkRule } from "../base/address.ts";
import type { Environment } from "../base/context.ts";
import { decodePart } from "../base/database-url.ts";
import { RdsIamError } from "../base/errors.ts";

/** A proxy, and the variable that names it. */
export interface ProxySetting {
  readonly variable: string;
  /** Without user and password. */
  readonly url: URL;
  /** HOST:PORT, for messages. */
  readonly address: string;
  /** The value of Proxy-Authorization; a secret. */
  readonly authorization: string | undefined;
  /** For redaction. */
  readonly password: string | undefined;
}

/** The proxy for a call to a host, or undefined for none. */
export function proxySetting(
  call: { readonly protocol: string; readonly hostname: string; readonly port: number },
  env: Environment,
): ProxySetting | undefined {
  const isTls = call.protocol === "https:";
  const names = isTls ? ["https_proxy", "HTTPS_PROXY"] : ["http_proxy", "HTTP_PROXY"];
  const variable = names.find((name) => env[name]);
  const value = variable === undefined ? undefined : env[variable];
  if (variable === undefined || value === undefined || isExempt(call, env)) {
    return undefined;
  }
  return readProxy(variable, value);
}

/** The passwords in the proxy variables, for redaction. */
export function proxyPasswords(env: Environment): readonly string[] {
  const found: string[] = [];
  for (const name of ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"]) {
    const written = /^[^@]*?:\/\/[^:/@]*:([^/]*)@/.exec(env[name] ?? "")?.[1];
    if (written !== undefined && written !== "") {
      found.push(written, decodePart(written));
    }
  }
  return found;
}

function isExempt(
  call: { readonly hostname: string; readonly port: number },
  env: Environment,
): boolean {
  const hostname = call.hostname.toLowerCase().replace(/^\[|\]$|\.$/g, "");
  const list = (env["no_proxy"] || env["NO_PROXY"] || "").toLowerCase();
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === "*") {
      return true;
    }
    const [, host = "", port] =
      /^(.*?)(?::(\d+))?$/.exec(isIP(entry) === 6 || isNetwork(entry) ? `[${entry}]` : entry) ?? [];
    const name = host.replace(/^\[|\]$/g, "").replace(/^\*?\.+|\.$/g, "");
    if (name === "" || (port !== undefined && Number(port) !== call.port)) {
      return false;
    }
    // Networks are those of Go's programs; the AWS CLI compares names alone. One address is a network too, however it is spelled.
    const network = isIP(name) === 0 ? name : `${name}/${isIP(name) === 4 ? 32 : 128}`;
    if (isNetwork(network)) {
      return networkRule([network])(hostname);
    }
    return hostname === name || (isIP(hostname) === 0 && hostname.endsWith(`.${name}`));
  });
}

function readProxy(variable: string, value: string): ProxySetting {
  let url: URL;
  try {
    // `proxy.corp:3128` is how many write it.
    url = new URL(value.includes("://") ? value : `http://${value}`);
  } catch {
    throw badProxy(variable, "It is not a valid URL.");
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw badProxy(variable, `${url.protocol}// proxies are not supported.`);
  }
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  const user = decodePart(url.username);
  const password = decodePart(url.password);
  const hasLogin = user !== "" || password !== "";
  return {
    variable,
    url: new URL(`${url.protocol}//${url.hostname}:${port}`),
    address: `${url.hostname}:${port}`,
    authorization: hasLogin
      ? `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`
      : undefined,
    password: password === "" ? undefined : password,
  };
}

// The value may hold a password: it is not repeated.
function badProxy(variable: string, detail: string): RdsIamError {
  return new RdsIamError(`${variable} is not a valid proxy address`, {
    code: "ERR_CONFIG",
    detail,
    hint: `Write it as ${variable}=http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, or unset it.`,
  });
}

/** The agent for a request to an https: URL; undefined where no proxy is set for it. */
export async function proxyAgent(url: string, env: Environment): Promise<Agent | undefined> {
  const { hostname, port } = new URL(url);
  const call = { protocol: "https:", hostname, port: Number(port || 443) };
  const proxy = proxySetting(call, env);
  if (proxy === undefined) return undefined;
  const { HttpsProxyAgent } = await import("https-proxy-agent");
  // The login goes as a header, not in the URL: the library prints its URL where DEBUG is set.
  const { authorization } = proxy;
  const headers = authorization === undefined ? {} : { "Proxy-Authorization": authorization };
  return new HttpsProxyAgent(proxy.url.href, { keepAlive: false, headers });
}
