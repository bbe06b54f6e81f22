// The tunnel through a server of the old rds-auth-proxy. It terminates TLS, reads the auth token from the StartupMessage and
// logs in to RDS in our place, so it sees the token and all data; session/tunnel-rds-auth-proxy.ts is about that login.
// It does not forward CancelRequests: it reads them as the start of a login and waits for more.
// https://github.com/mothership/rds-auth-proxy/blob/main/pkg/pg/backend.go (SetupConnection)

import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
import type { RdsIamError } from "../base/errors.ts";
import { Handshake, HandshakeError } from "./handshake.ts";
import { type HostPort, showHostPort } from "../base/host-port.ts";
import { connectTcp, type Tunnel, tunnelError } from "./tunnel.ts";

const HINT =
  "Check rds_via, RDSIAM_VIA or --via, the VPN or kubectl port-forward, and that the server runs.";

/** Opens connections to the server, which chooses the database by the StartupMessage. */
export function rdsAuthProxyTunnel(server: HostPort): Tunnel {
  return {
    open: (_destination, signal) =>
      connectTcp(server, { what: "rds-auth-proxy", hint: HINT }, signal),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** The error for a cancel, which the server does not forward. */
export function noCancel(): RdsIamError {
  return tunnelError("rds-auth-proxy does not forward cancel requests", {
    detail: "Its server takes them for the start of a login.",
    hint: "Set statement_timeout, or end the session with pg_terminate_backend from another one; relay:// forwards them.",
  });
}

/** The remedies for a TLS connection to the server that did not come up. */
export const TLS_HINTS = {
  certificate:
    "Name the server as its certificate does, and the certificate or its CA: rds-auth-proxy://NAME:PORT?ca=FILE. At localhost, ?sslmode=require takes any certificate.",
  noTls:
    "Set ssl: enabled: true in the proxy section of its configuration. At localhost, ?sslmode=disable goes without TLS.",
};

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/**
 * The certificate that a server presents on a new connection, as PEM. It is not verified: it is for a tunnel's end on this machine, where all
 * later connections of the run must present the certificate that the first one saw.
 */
export async function presentedCertificate(
  socket: Duplex,
  server: HostPort,
  signal: AbortSignal,
): Promise<string> {
  try {
    const handshake = new Handshake(socket, signal);
    socket.write(SSL_REQUEST);
    const [answer] = await handshake.take(1);
    if (answer !== 0x53) throw new HandshakeError("it offered no TLS");
    handshake.finish();
    const secured = connect({ socket, rejectUnauthorized: false, servername: "localhost" });
    await once(secured, "secureConnect", { signal });
    const { raw } = secured.getPeerCertificate();
    secured.destroy();
    // Deno's is not a Buffer.
    const lines =
      Buffer.from(raw)
        .toString("base64")
        .match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
  } catch (cause) {
    signal.throwIfAborted();
    throw tunnelError(`no TLS with rds-auth-proxy at ${showHostPort(server)}`, {
      detail: `In the TLS handshake ${cause instanceof HandshakeError ? cause.message : "it failed"}. No auth token was sent.`,
      hint: TLS_HINTS.noTls,
      cause,
    });
  } finally {
    socket.destroy();
  }
}
