// A server of the old rds-auth-proxy as the way. It ends TLS itself, reads the auth token from the StartupMessage and logs
// in to RDS in our place, so it sees the token and all data; how the login goes with it is way-rds-auth-proxy.ts.
// It does not pass CancelRequests on: it reads them as the start of a login and waits for more.
// https://github.com/mothership/rds-auth-proxy/blob/main/pkg/pg/backend.go (SetupConnection)

import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect } from "node:tls";
import type { Carrier } from "./carrier.ts";
import { viaError } from "./child-stream.ts";
import { Handshake, HandshakeFailed } from "./handshake.ts";
import { type HostPort, showHostPort } from "../base/host-port.ts";
import { connectTcp } from "./tcp.ts";

const HINT =
  "Check rds_via, RDSIAM_VIA or --via, the VPN or kubectl port-forward, and that the server runs.";

/** Opens connections to the server; where they lead is its affair. */
export function rdsAuthProxyCarrier(place: HostPort): Carrier {
  return {
    open: (_target, signal) => connectTcp(place, { what: "rds-auth-proxy", hint: HINT }, signal),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** The error for a cancel, which this way does not carry. */
export function noCancel(): ReturnType<typeof viaError> {
  return viaError("rds-auth-proxy carries no cancel requests", {
    detail: "Its server takes them for the start of a login.",
    hint: "Set statement_timeout, or end the session with pg_terminate_backend from another one; relay:// carries them.",
  });
}

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/**
 * The certificate that a server shows, as PEM. Nobody has verified it: it is for a tunnel's end on this machine, where all
 * later connections of the run are held to what the first one saw.
 */
export async function presentedCertificate(place: HostPort, signal: AbortSignal): Promise<string> {
  const socket = await connectTcp(place, { what: "rds-auth-proxy", hint: HINT }, signal);
  try {
    const handshake = new Handshake(socket, signal);
    socket.write(SSL_REQUEST);
    const [answer] = await handshake.take(1);
    if (answer !== 0x53) throw new HandshakeFailed("it offers no TLS");
    handshake.finish();
    const secured = connect({ socket, rejectUnauthorized: false, servername: "localhost" });
    await once(secured, "secureConnect", { signal });
    const { raw } = secured.getPeerCertificate();
    secured.destroy();
    // Deno's is no Buffer.
    const lines =
      Buffer.from(raw)
        .toString("base64")
        .match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
  } catch (cause) {
    signal.throwIfAborted();
    throw viaError(`no TLS with rds-auth-proxy at ${showHostPort(place)}`, {
      detail: `When it was asked, ${cause instanceof HandshakeFailed ? cause.message : "the handshake failed"}. No auth token was sent.`,
      hint: "Set ssl: enabled: true in the proxy section of its configuration.",
      cause,
    });
  } finally {
    socket.destroy();
  }
}
