// Serves TLS to the tool on a connection that has been accepted, after SSLRequest or at once (PostgreSQL 17's direct TLS).
// Where there is a client CA, a tls.Server that never listens does the handshake: a bare TLSSocket verifies no client certificate on
// Node. One that is missing or not trusted does not break the handshake; the frontend gets an ErrorResponse.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { createServer, TLSSocket } from "node:tls";
import { carrierOf } from "../runtime/deno-gate.ts";
import { HandshakeFailed } from "./failure.ts";
import { errorCode } from "../base/errno.ts";
import type { ServerCertificate } from "../base/server-certificate.ts";

const ALPN = "postgresql"; // PG_ALPN_PROTOCOL, src/include/libpq/pqcomm.h

/** How TLS is served; the certificate is asked for at each handshake, so that a renewed one is used. */
export interface FrontendTls {
  readonly certificate: () => Promise<ServerCertificate>;
  /** Whether a login without TLS is refused; to be set with a client CA, which would have no effect otherwise. */
  readonly required: boolean;
}

/** A frontend's connection after its handshake. */
export interface SecuredFrontend {
  readonly socket: TLSSocket;
  /** The binding data of `tls-server-end-point`, where the certificate has any. */
  readonly endPoint: Buffer | undefined;
  /** Whether a client certificate was asked for, and one of the right CA's came. */
  readonly client: "not asked" | "verified" | "missing" | "not trusted";
}

/** Does the handshake; `direct` when no SSLRequest came before it, which demands ALPN. Rejects with HandshakeFailed, or the signal's reason. */
export async function startFrontendTls(
  raw: Socket,
  served: FrontendTls,
  how: { readonly direct: boolean; readonly signal: AbortSignal },
): Promise<SecuredFrontend> {
  const certificate = await served.certificate();
  how.signal.throwIfAborted();
  const socket = await shakeHands(raw, certificate, how.signal);
  if (how.direct && socket.alpnProtocol !== ALPN) {
    raw.destroy();
    throw new HandshakeFailed("direct TLS without the ALPN protocol postgresql");
  }
  const client = certificate.clientCa === undefined ? "not asked" : clientStatus(socket);
  return { socket, endPoint: serverEndPoint(certificate.leaf), client };
}

function clientStatus(socket: TLSSocket): SecuredFrontend["client"] {
  if (socket.authorized) return "verified";
  return Object.keys(socket.getPeerCertificate()).length === 0 ? "missing" : "not trusted";
}

function shakeHands(
  raw: Socket,
  { cert, key, clientCa, context }: ServerCertificate,
  signal: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const carrier = carrierOf(raw);
    const settle = (): void => {
      signal.removeEventListener("abort", onAbort);
      raw.off("close", onClose).off("end", onClose);
      carrier.stream.allowHalfOpen = true;
    };
    const fail = (error: Error): void => {
      settle();
      raw.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason as Error);
    const onClose = (): void => fail(new HandshakeFailed("the TLS handshake was broken off"));
    const onError = (error: Error): void =>
      fail(new HandshakeFailed(`the TLS handshake failed: ${errorCode(error)}`));
    const onSecured = (secured: TLSSocket): void => {
      settle();
      carrier.attach(secured);
      secured.allowHalfOpen = true;
      // Followed by a close, which reports it.
      secured.off("error", onError).on("error", () => {});
      raw.once("close", () => secured.destroy());
      resolve(secured);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    raw.once("close", onClose).once("end", onClose);
    // A peer that ends in the middle has nothing to wait for; TLS takes the setting over from what carries it.
    carrier.stream.allowHalfOpen = false;
    const options = { ALPNProtocols: [ALPN], rejectUnauthorized: false };
    if (clientCa === undefined) {
      const secured = new TLSSocket(carrier.stream, {
        ...options,
        isServer: true,
        secureContext: context,
      });
      secured.on("error", onError).once("secure", () => onSecured(secured));
      return;
    }
    const server = createServer({
      ...options,
      cert,
      key,
      minVersion: "TLSv1.2",
      ca: [...clientCa],
      requestCert: true,
    });
    server.on("tlsClientError", onError).once("secureConnection", onSecured);
    server.emit("connection", carrier.stream);
  });
}

// The channel binding `tls-server-end-point`: a hash of the certificate that TLS was served with, made with the hash of the
// certificate's own signature. The runtimes do not all tell which that is, so it is read from the DER.
// https://www.rfc-editor.org/rfc/rfc5929#section-4.1, https://www.rfc-editor.org/rfc/rfc5280#section-4.1

// By the DER of the signature algorithm's OID. MD5 and SHA-1 are taken as SHA-256; what has no one hash (Ed25519, RSA-PSS) has no
// place here, and libpq could not make the binding either.
const HASHES: ReadonlyMap<string, string> = new Map([
  ["2a864886f70d010104", "sha256"], // md5WithRSAEncryption
  ["2a864886f70d010105", "sha256"], // sha1WithRSAEncryption
  ["2a864886f70d01010b", "sha256"], // sha256WithRSAEncryption
  ["2a864886f70d01010c", "sha384"],
  ["2a864886f70d01010d", "sha512"],
  ["2a8648ce3d0401", "sha256"], // ecdsa-with-SHA1
  ["2a8648ce3d040302", "sha256"], // ecdsa-with-SHA256
  ["2a8648ce3d040303", "sha384"],
  ["2a8648ce3d040304", "sha512"],
]);

/** The binding data of a certificate in DER; undefined where its signature has no one hash. */
export function serverEndPoint(certificate: Buffer): Buffer | undefined {
  const hash = HASHES.get(signatureAlgorithm(certificate).toString("hex"));
  return hash === undefined ? undefined : createHash(hash).update(certificate).digest();
}

// Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, ... }, ... }
function signatureAlgorithm(der: Buffer): Buffer {
  const certificate = valueAt(der, 0);
  const toBeSigned = valueAt(der, certificate.start);
  const algorithm = valueAt(der, toBeSigned.end);
  const { start, end } = valueAt(der, algorithm.start);
  return Buffer.from(der.subarray(start, end));
}

function valueAt(der: Buffer, offset: number): { readonly start: number; readonly end: number } {
  const first = der[offset + 1] ?? 0;
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  const start = offset + 2 + lengthBytes;
  const length = lengthBytes === 0 ? first : der.readUIntBE(offset + 2, lengthBytes);
  return { start, end: start + length };
}
