// A frontend with TLS, and certificates for the proxy to serve it with.
import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import * as tls from "node:tls";
import { type Certificate, makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import type { ServerCertificate } from "../../src/base/server-certificate.ts";
import type { FrontendTls } from "../../src/proxy/frontend-tls.ts";
import { encodeSslRequest } from "../../src/protocol/startup-packet.ts";
import { int32, password, proven, RawFrontend, type Received } from "./raw-frontend.ts";

/** A CA, and certificates of it for a server and for a client. */
export interface Certificates {
  readonly ca: Certificate;
  readonly server: Certificate;
  readonly client: Certificate;
}

/** Makes a CA and its certificates. */
export async function makeCertificates(): Promise<Certificates> {
  const ca = await makeAuthority({ subject: "CN=a CA of the test's" });
  const names = ["localhost", "127.0.0.1"];
  const server = await makeLeaf({ subject: "CN=localhost", names, issuer: ca });
  const client = await makeLeaf({ subject: "CN=app", names: ["app"], issuer: ca, client: true });
  return { ca, server, client };
}

/** TLS as a proxy serves it. */
export function served(
  { cert, key }: Pick<ServerCertificate, "cert" | "key">,
  how: { readonly required?: boolean; readonly clientCa?: readonly string[] } = {},
): FrontendTls {
  const leaf = new X509Certificate(cert).raw;
  const context = tls.createSecureContext({ cert, key, minVersion: "TLSv1.2" });
  const certificate = { cert, key, leaf, context, clientCa: how.clientCa };
  return { certificate: () => Promise.resolve(certificate), required: how.required ?? false };
}

/** How a frontend starts TLS. */
export interface TlsStart {
  /** Without an SSLRequest. */
  readonly direct?: boolean;
  /** "postgresql" when absent. */
  readonly alpn?: readonly string[];
  readonly client?: Certificate;
  readonly ca: Certificate;
}

/** Connects with TLS that is verified; rejects when the handshake fails. */
export async function tlsFrontend(port: number, start: TlsStart): Promise<RawFrontend> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  if (start.direct !== true) {
    socket.write(encodeSslRequest());
    const [answer] = (await once(socket, "data")) as [Buffer];
    if (answer.toString() !== "S")
      throw new Error(`the SSLRequest was answered ${answer.toString()}`);
  }
  return new RawFrontend(await secure(socket, start));
}

async function secure(socket: Socket, { alpn, ca, client }: TlsStart): Promise<tls.TLSSocket> {
  const secured = tls.connect({
    socket,
    servername: "localhost",
    ca: ca.cert,
    ALPNProtocols: [...(alpn ?? ["postgresql"])],
    ...(client === undefined ? {} : { cert: client.cert, key: client.key }),
  });
  await once(secured, "secureConnect");
  return secured;
}

/** A SCRAM exchange with channel binding; each part may be given wrong. */
export interface BoundProof {
  readonly secret: string;
  readonly mechanism?: string;
  readonly gs2Header?: string;
  readonly binding: Buffer;
  readonly nonce?: string;
}

/** Answers AuthenticationSASL with a bound proof; resolves with what follows it, or with what came instead of a challenge. */
export async function proveBound(
  frontend: RawFrontend,
  { secret, mechanism, gs2Header = "p=tls-server-end-point,,", binding, nonce: own }: BoundProof,
): Promise<Received | undefined> {
  const offer = await frontend.message();
  if (offer?.type !== "R" || offer.body.readInt32BE(0) !== 10) return offer;
  const first = `n=,r=${own ?? "rOprNGfwEbeRWgbNEkqO"}`;
  const initial = Buffer.from(gs2Header + first);
  const name = Buffer.from(`${mechanism ?? "SCRAM-SHA-256-PLUS"}\0`);
  frontend.send(password(Buffer.concat([name, int32(initial.length), initial])));
  const challenge = await frontend.message();
  if (challenge?.type !== "R" || challenge.body.readInt32BE(0) !== 11) return challenge;
  const serverFirst = challenge.body.toString("latin1", 4);
  const nonce = /^r=([^,]+)/.exec(serverFirst)?.[1] ?? "";
  const data = Buffer.concat([Buffer.from(gs2Header), binding]).toString("base64");
  frontend.send(
    password(Buffer.from(proven({ secret, first, serverFirst }, `c=${data},r=${nonce}`))),
  );
  return frontend.message();
}
