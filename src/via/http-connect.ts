// Asks an HTTP proxy for a tunnel. https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6

import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { RdsIamError } from "../base/errors.ts";
import type { CarrierTarget } from "./carrier.ts";
import { Handshake, HandshakeFailed } from "./handshake.ts";
import { showHostPort } from "../base/host-port.ts";
import type { ProxyAddress } from "./parse.ts";

const MAX_HEAD = 64 * 1024; // bytes of an answer's head

interface Request {
  readonly proxy: ProxyAddress;
  readonly target: CarrierTarget;
}

/** Leads an open connection to the proxy on to the target. */
export async function requestTunnel(
  stream: Duplex,
  request: Request,
  signal: AbortSignal,
): Promise<void> {
  const handshake = new Handshake(stream, signal);
  try {
    stream.write(encodeConnect(request));
    const head = await handshake.takeHead(MAX_HEAD);
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1]);
    if (Number.isNaN(status)) throw new HandshakeFailed("it does not speak HTTP");
    if (status < 200 || status > 299) throw refused(request, status);
    handshake.finish();
  } catch (error) {
    handshake.abandon();
    if (!(error instanceof HandshakeFailed)) throw error;
    throw failed(request, `In the answer to CONNECT ${error.message}.`);
  }
}

function encodeConnect({ proxy, target }: Request): string {
  const place = showHostPort({ host: target.address, port: target.port });
  const login = `${proxy.user ?? ""}:${proxy.password ?? ""}`;
  const authorization =
    proxy.user === undefined
      ? ""
      : `Proxy-Authorization: Basic ${Buffer.from(login, "utf8").toString("base64")}\r\n`;
  return `CONNECT ${place} HTTP/1.1\r\nHost: ${place}\r\n${authorization}\r\n`;
}

function refused(request: Request, status: number): RdsIamError {
  const { proxy } = request;
  if (status !== 407) {
    return failed(request, `It answered CONNECT with HTTP status ${status}.`);
  }
  return new RdsIamError(`the proxy ${showHostPort(proxy)} does not let us in`, {
    code: "ERR_VIA",
    detail:
      proxy.user === undefined
        ? "It asks for a user and a password, and rds_via has none."
        : "It did not take the user and password of rds_via.",
    hint: "Set RDSIAM_VIA=http://USER:PASSWORD@HOST:PORT, with special characters as %XX (@ is %40).",
  });
}

function failed({ proxy, target }: Request, detail: string): RdsIamError {
  return new RdsIamError(
    `the proxy ${showHostPort(proxy)} opened no tunnel to ${target.host} port ${target.port}`,
    {
      code: "ERR_VIA",
      detail,
      hint: `Ask those who run the proxy to allow CONNECT to port ${target.port} of that host.`,
    },
  );
}
