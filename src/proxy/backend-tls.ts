// Turns a dialed connection into TLS that is verified in full against the canonical host.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
import process from "node:process";
import type { Duplex } from "node:stream";
import {
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocket,
} from "node:tls";
import { RdsIamError } from "../base/errors.ts";
import { connectTls } from "../runtime/tls.ts";
import { encodeSslRequest } from "../protocol/startup-packet.ts";
import { alpnProtocol } from "../runtime/alpn.ts";
import { showLeafAlone } from "../runtime/peer-certificate.ts";
import { SocketReader } from "../base/socket-reader.ts";
import { notSent, rememberCertificate, tlsError, type Trust } from "./tls-error.ts";

const YES = 0x53; // 'S'
const NO = 0x4e; // 'N'
const ERROR_RESPONSE = 0x45; // 'E'
const ALPN = alpnProtocol("postgresql");

/** Who the backend must prove to be. */
export interface BackendIdentity extends Trust {
  /** The canonical host: sent as SNI and matched with the certificate. */
  readonly host: string;
  readonly secureContext: () => SecureContext;
  /** Whether TLS begins at once, without an SSLRequest. */
  readonly direct?: boolean | undefined;
}

/** Makes, when it is first needed, the TLS context that every login of a run shares; `ca` are PEM certificates and replace the runtime's own. */
export function backendSecureContext(ca: readonly string[]): () => SecureContext {
  let context: SecureContext | undefined;
  return () => (context ??= makeContext(ca));
}

function makeContext(ca: readonly string[]): SecureContext {
  const options: SecureContextOptions = { ca: [...ca], minVersion: "TLSv1.2" };
  try {
    return createSecureContext({ ...options, ecdhCurve: keyExchangeGroups() });
  } catch {
    // A library without one of them, as in FIPS mode.
    return createSecureContext(options);
  }
}

// P-256 first, because up to PostgreSQL 17 ssl_ecdh_curve is one group, and that one; 18 has X25519 and P-256. The libraries
// guess X25519 or the hybrid with ML-KEM, are sent back for another ClientHello, and each login takes one round trip more.
// The hybrid stays on offer: OpenSSL 3.5 has it, and so has BoringSSL.
function keyExchangeGroups(): string {
  const [major = 0, minor = 0] = process.versions.openssl.split(".").map(Number);
  const isHybrid = "bun" in process.versions || major > 3 || (major === 3 && minor >= 5);
  return isHybrid ? "P-256:X25519MLKEM768:X25519:P-384" : "P-256:X25519:P-384";
}

/** Asks for TLS, or begins it at once, and verifies the server; rejects with ERR_TLS or ERR_CERTIFICATE. */
export async function startBackendTls(
  socket: Duplex,
  identity: BackendIdentity,
  signal: AbortSignal,
): Promise<TLSSocket> {
  if (identity.direct !== true) await requestTls(socket, identity, signal);
  let presented: ReturnType<typeof rememberCertificate> | undefined;
  const secured = await connectTls(
    {
      socket,
      host: identity.host,
      secureContext: identity.secureContext(),
      ALPNProtocols: ALPN,
      prepare: (secured) => {
        showLeafAlone(secured);
        presented = rememberCertificate(secured);
      },
      failed: (cause) => tlsError(identity, cause, presented?.()),
    },
    signal,
  );
  // Another protocol's server, which verified TLS might lead to (ALPACA), would not have agreed on this one.
  // https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
  if (identity.direct === true && secured.alpnProtocol !== "postgresql") {
    secured.destroy();
    throw tlsError(identity, new Error("no ALPN"));
  }
  return secured;
}

// Exactly one byte may follow an SSLRequest: more were injected on the way (CVE-2021-23222).
async function requestTls(
  socket: Duplex,
  identity: BackendIdentity,
  signal: AbortSignal,
): Promise<void> {
  const reader = new SocketReader(socket, 64 * 1024);
  try {
    socket.write(encodeSslRequest());
    // The server starts a process for us meanwhile.
    identity.secureContext();
    const answer = await reader.take(
      (bytes) => (bytes.length === 0 ? undefined : { value: bytes.readUInt8(), length: 1 }),
      signal,
    );
    if (answer !== YES || reader.buffered > 0) throw refusedTls(identity, answer, reader.buffered);
  } finally {
    reader.detach();
  }
}

function refusedTls(trust: Trust, answer: number, stuffed: number): RdsIamError {
  const isOnRds = trust.secret !== "password" && trust.hints === undefined;
  return new RdsIamError(
    `${trust.host} does not offer TLS as PostgreSQL ${isOnRds ? "on RDS " : ""}does`,
    {
      code: "ERR_TLS",
      detail: `${refusal(answer, stuffed)} ${notSent(trust)}`,
      hint:
        trust.hints?.noTls ??
        (isOnRds
          ? "Check that the host and the port are those of the database; RDS always offers TLS."
          : "Check that the host and the port are those of the database, and that it has ssl = on."),
    },
  );
}

// What the answer says is never repeated: it is not verified yet (CVE-2024-10977).
function refusal(answer: number, stuffed: number): string {
  if (answer === YES && stuffed > 0) return "It sent data before TLS had started.";
  if (answer === NO) return "It answered the SSLRequest with N: there is no TLS at this port.";
  if (answer === ERROR_RESPONSE) return "It answered the SSLRequest with an error.";
  return "It answered the SSLRequest with something other than S or N.";
}
