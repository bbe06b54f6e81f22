// The tunnels through a port that another program listens on: a forwarded port, a SOCKS5 proxy, an HTTP proxy.

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { RdsIamError } from "../base/errors.ts";
import { connectTls } from "../runtime/tls.ts";
import { Handshake, HandshakeError } from "./handshake.ts";
import { type HostPort, showHostPort } from "../base/host-port.ts";
import type { ProxyAddress } from "./parse.ts";
import { loginRejected, requestSocks5 } from "./socks5.ts";
import { connectTcp, type Destination, tlsFailure, type Tunnel, tunnelError } from "./tunnel.ts";

const TLS_HINT =
  "If the proxy's certificate is from a private CA, name the CA file in NODE_EXTRA_CA_CERTS; if it uses no TLS, write http://.";
const MAX_HEAD = 64 * 1024; // bytes of a CONNECT answer's head

/** A port that another program forwards: whatever the destination, it ends at one database. */
export function forwardedPort(address: HostPort): Tunnel {
  const hint = "Open the tunnel first, for example: ssh -N -L PORT:DATABASE-HOST:5432 BASTION";
  return {
    open: (_destination, signal) => connectTcp(address, { what: "the tunnel", hint }, signal),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** A SOCKS5 or HTTP proxy. */
export function proxyTunnel(kind: "socks5" | "http" | "https", proxy: ProxyAddress): Tunnel {
  const what = kind === "socks5" ? "the SOCKS proxy" : "the proxy";
  const hint = "Check rds_via, RDSIAM_VIA or --via, and that the proxy runs.";
  const request = kind === "socks5" ? requestSocks5 : requestConnect;
  return {
    open: async (destination, signal) => {
      const socket = await connectTcp(proxy, { what, hint }, signal);
      const stream = kind === "https" ? await startTls(socket, proxy, signal) : socket;
      await request(stream, { proxy, destination }, signal);
      return stream;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

// The proxy's certificate is checked with the runtime's roots, as a browser would: RDS's vouch for databases alone.
function startTls(socket: Socket, proxy: ProxyAddress, signal: AbortSignal): Promise<Duplex> {
  const failed = (cause: Error): RdsIamError =>
    tunnelError(`TLS with the proxy ${showHostPort(proxy)} failed`, {
      ...tlsFailure(cause, { host: proxy.host, hint: TLS_HINT }),
      cause,
    });
  return connectTls({ socket, host: proxy.host, failed }, signal);
}

interface ProxyConnect {
  readonly proxy: ProxyAddress;
  readonly destination: Destination;
}

// https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6
async function requestConnect(
  stream: Duplex,
  request: ProxyConnect,
  signal: AbortSignal,
): Promise<void> {
  const { destination, proxy } = request;
  const handshake = new Handshake(stream, signal);
  try {
    const authority = showHostPort({ host: destination.address, port: destination.port });
    const login = Buffer.from(`${proxy.user ?? ""}:${proxy.password ?? ""}`, "utf8");
    const authorization =
      proxy.user === undefined ? "" : `Proxy-Authorization: Basic ${login.toString("base64")}\r\n`;
    stream.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`);
    const head = await handshake.takeHead(MAX_HEAD);
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1]);
    if (Number.isNaN(status)) throw new HandshakeError("it does not speak HTTP");
    if (status === 407) throw loginRejected("http", proxy);
    if (status < 200 || status > 299) {
      throw connectFailed(request, `It answered CONNECT with HTTP status ${status}.`);
    }
    handshake.finish();
  } catch (error) {
    handshake.abandon();
    if (!(error instanceof HandshakeError)) throw error;
    throw connectFailed(request, `In the answer to CONNECT ${error.message}.`);
  }
}

function connectFailed({ proxy, destination }: ProxyConnect, detail: string): RdsIamError {
  const { host, port } = destination;
  return tunnelError(`the proxy ${showHostPort(proxy)} opened no tunnel to ${host} port ${port}`, {
    detail,
    hint: `Ask the proxy's operators to allow CONNECT to port ${port} of that host.`,
  });
}
