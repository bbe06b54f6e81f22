// Parses the part of a --via that names a server which knows rdsiam (a relay, a server of the old rds-auth-proxy), and how it is reached
// in a Kubernetes cluster. Pure.

import { isIP } from "node:net";
import { type HostPort, readAuthority } from "../base/host-port.ts";

/** What `kubectl port-forward` forwards to. */
export interface KubeAddress {
  /** kubectl's current one when absent. */
  readonly context: string | undefined;
  readonly namespace: string;
  /** As kubectl takes it: `svc/rdsiam-relay`. */
  readonly resource: string;
  readonly port: number;
}

/** A relay, and the PEM files that TLS with it needs. */
export interface RelayAddress extends HostPort {
  /** Verifies the relay; the runtime's own CAs when absent. */
  readonly ca: string | undefined;
  /** The client certificate and its key. */
  readonly client: { readonly cert: string; readonly key: string } | undefined;
  /** Where it is reached by kubectl; host and port are then for TLS and messages. */
  readonly kube?: KubeAddress | undefined;
}

/** A server of the old rds-auth-proxy; `require` and `disable` only where a tunnel ends on this machine. */
export interface RdsAuthProxyAddress extends HostPort {
  readonly ca: string | undefined;
  /** Verified in full, not verified, or without TLS. */
  readonly sslmode: "verify-full" | "require" | "disable";
  /** As for a relay. */
  readonly kube?: KubeAddress | undefined;
}

/** Ends the parsing: why, as the end of a sentence, and what to write. */
export type Fail = (why: string, hint?: string) => never;

const PORTS = { relay: 8443, "rds-auth-proxy": 8000, kube: 5432 } as const;
const KUBE_FORM = "kube://[CONTEXT/]NAMESPACE/svc/NAME[:PORT], where svc can also be deploy or pod";

// A context may be any text, and an ARN has slashes of its own; the rest are names as Kubernetes has them.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
const KUBE =
  /^(?:(\P{Cc}+)\/)?([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\/((?:deploy|svc|pod)\/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)(?::(\d{1,5}))?$/u;

/** Reads `kube://...`. */
export function readKube(text: string, fail: Fail): KubeAddress {
  return kubeAddress(text.slice("kube://".length).replace(/\/$/, ""), "kube", fail);
}

function kubeAddress(text: string, server: keyof typeof PORTS, fail: Fail): KubeAddress {
  const [, context, namespace = "", resource = "", digits] = KUBE.exec(text) ?? [];
  const port = digits === undefined ? PORTS[server] : Number(digits);
  if (resource === "" || port < 1 || port > 65_535) {
    return fail("has no valid place in a cluster after ://", `Write ${KUBE_FORM}.`);
  }
  return { context, namespace, resource, port };
}

interface ServerText {
  readonly host: string;
  readonly port: number;
  readonly kube?: KubeAddress;
  readonly parameters: URLSearchParams;
}

function splitServer(
  kind: "relay" | "rds-auth-proxy",
  { text, parameters: own }: { readonly text: string; readonly parameters: readonly string[] },
  fail: Fail,
): ServerText {
  const [, scheme = "", place = "", query = ""] =
    /^((?:kube\+)?[a-z-]+):\/\/([^?]*?)\/?(?:\?(.*))?$/.exec(text) ?? [];
  const isKube = scheme.startsWith("kube+");
  const known = isKube ? [...own, "host"] : own;
  const parameters = new URLSearchParams(query);
  for (const [name, value] of parameters) {
    if (known.includes(name) && value !== "") continue;
    return fail("has an unknown or empty parameter", `${scheme}:// takes: ${known.join(", ")}.`);
  }
  if (isKube) {
    const kube = kubeAddress(place, kind, fail);
    const name = kube.resource.replace(/^.*\//, "");
    // The name that a Service has in its cluster, unless the certificate is for another one.
    const host = parameters.get("host") ?? `${name}.${kube.namespace}.svc`;
    if (readAuthority(host)?.port !== undefined || readAuthority(host) === undefined) {
      return fail("has no valid host=NAME");
    }
    return { host, port: kube.port, kube, parameters };
  }
  const address = readAuthority(place);
  if (address === undefined) return fail(`has no valid host after ${kind}://`);
  return { host: address.host, port: address.port ?? PORTS[kind], parameters };
}

/** Reads `relay://...` and `kube+relay://...`. */
export function readRelay(text: string, fail: Fail): { readonly kind: "relay" } & RelayAddress {
  const own = ["ca", "cert", "key"];
  const { parameters, ...server } = splitServer("relay", { text, parameters: own }, fail);
  const [ca, cert, key] = own.map((name) => parameters.get(name) ?? undefined);
  const relay = { kind: "relay", ...server, ca } as const;
  if (cert !== undefined && key !== undefined) return { ...relay, client: { cert, key } };
  if (cert === key) return { ...relay, client: undefined };
  return fail("has half of a client certificate", "Give both: ?cert=FILE&key=FILE");
}

/**
 * Reads `rds-auth-proxy://...` and `kube+rds-auth-proxy://...`. The old server makes itself a new certificate at each start unless it
 * is given one, and a new one cannot be verified; its quickstart has no TLS at all. Where kubectl port-forward has brought it to
 * this machine, the tunnel vouches for it instead.
 */
export function readRdsAuthProxy(
  text: string,
  fail: Fail,
): { readonly kind: "rds-auth-proxy" } & RdsAuthProxyAddress {
  const own = ["ca", "sslmode"];
  const split = splitServer("rds-auth-proxy", { text, parameters: own }, fail);
  const { parameters, ...server } = split;
  const { host, kube } = server;
  const ca = parameters.get("ca") ?? undefined;
  const sslmode = parameters.get("sslmode") ?? "verify-full";
  if (sslmode !== "verify-full" && sslmode !== "require" && sslmode !== "disable") {
    return fail("has an sslmode other than verify-full, require and disable");
  }
  const verified = sslmode === "verify-full";
  const isLoopback =
    kube !== undefined ||
    host === "localhost" ||
    host === "::1" ||
    (isIP(host) === 4 && host.startsWith("127."));
  if (verified && isIP(host) !== 0) {
    return fail(
      "has an address, and certificates are verified for names",
      "Write rds-auth-proxy://NAME:PORT.",
    );
  }
  if (!verified && !isLoopback) {
    return fail(
      `has sslmode=${sslmode}, which sends the auth token to any server that answers`,
      `Name the server's certificate or its CA instead: ?ca=FILE. sslmode=${sslmode} is for a tunnel's end on this machine.`,
    );
  }
  if (!verified && ca !== undefined) {
    return fail(
      `has a CA, and sslmode=${sslmode}, which does not verify`,
      "Leave one of them out.",
    );
  }
  return { kind: "rds-auth-proxy", ...server, ca, sslmode };
}
