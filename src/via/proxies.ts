// The ways that are a connection to somebody else's port: a tunnel that stands, a SOCKS5 proxy, an HTTP proxy.

import { isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import * as tls from "node:tls";
import { RdsIamError } from "../base/errors.ts";
import type { Carrier, CarrierTarget } from "./carrier.ts";
import { requestTunnel } from "./http-connect.ts";
import { type HostPort, showHostPort } from "../base/host-port.ts";
import type { ProxyAddress } from "./parse.ts";
import { requestSocks5 } from "./socks5.ts";
import { connectTcp } from "./tcp.ts";

/** A tunnel that somebody has opened already: whatever is asked for, it leads to one place. */
export function tunnelCarrier(place: HostPort): Carrier {
  const hint = "Open the tunnel first, for example: ssh -N -L PORT:DATABASE-HOST:5432 BASTION";
  return {
    open: (_target, signal) => connectTcp(place, { what: "the tunnel", hint }, signal),
    [Symbol.asyncDispose]: nothing,
  };
}

/** A SOCKS5 or HTTP proxy. */
export function proxyCarrier(kind: "socks5" | "http" | "https", proxy: ProxyAddress): Carrier {
  const request = kind === "socks5" ? requestSocks5 : requestTunnel;
  const open = async (target: CarrierTarget, signal: AbortSignal): Promise<Duplex> => {
    const what = kind === "socks5" ? "the SOCKS proxy" : "the proxy";
    const hint = "Check rds_via, RDSIAM_VIA or --via, and that the proxy runs.";
    const socket = await connectTcp(proxy, { what, hint }, signal);
    const stream = kind === "https" ? await secure(socket, proxy, signal) : socket;
    await request(stream, { proxy, target }, signal);
    return stream;
  };
  return { open, [Symbol.asyncDispose]: nothing };
}

// The proxy's certificate is checked with the runtime's roots, as a browser would: RDS's vouch for databases alone.
function secure(socket: Socket, proxy: ProxyAddress, signal: AbortSignal): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = tls.connect({
      socket,
      ...(isIP(proxy.host) === 0 ? { servername: proxy.host } : {}),
      rejectUnauthorized: true,
      minVersion: "TLSv1.2",
      checkServerIdentity: (_name, certificate) => tls.checkServerIdentity(proxy.host, certificate),
    });
    const fail = (error: Error): void => {
      signal.removeEventListener("abort", onAbort);
      secured.destroy();
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason as Error);
    const onError = (error: NodeJS.ErrnoException): void => fail(notTrusted(proxy, error));
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) return onAbort();
    secured.once("error", onError);
    secured.once("secureConnect", () => {
      signal.removeEventListener("abort", onAbort);
      if (!secured.authorized) return fail(notTrusted(proxy, secured.authorizationError));
      secured.off("error", onError);
      resolve(secured);
    });
  });
}

function notTrusted(proxy: ProxyAddress, cause: NodeJS.ErrnoException | undefined): RdsIamError {
  return new RdsIamError(`TLS with the proxy ${showHostPort(proxy)} failed`, {
    code: "ERR_VIA",
    detail: `It ended with ${cause?.code ?? "a certificate that is not trusted"}.`,
    hint: "If the proxy's certificate is a company's own, name its CA file in NODE_EXTRA_CA_CERTS; if it speaks no TLS, write http://.",
    cause,
  });
}

async function nothing(): Promise<void> {}
