// `rdsiam relay` as the way: CONNECT over TLS to the relay, and for a relay that wants to know who asks, a proof of the
// AWS identity that is good for this relay and this connection alone.
// The relay says which address it has dialled, and a cancel asks for that one, so that any replica can carry it.

import { Buffer } from "node:buffer";
import { readFile } from "node:fs/promises";
import { isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import * as tls from "node:tls";
import type { RdsIamError } from "../base/errors.ts";
import { unlessAborted } from "./abort.ts";
import type { Carrier, CarrierTarget } from "./carrier.ts";
import { viaError } from "./child-stream.ts";
import { Handshake, HandshakeFailed } from "./handshake.ts";
import { type HostPort, showHostPort } from "../base/host-port.ts";
import type { RelayAddress } from "./relay-address.ts";
import { refusedByRelay } from "./relay-refusal.ts";
import { connectTcp } from "./tcp.ts";

/** What a relay asks to be signed, and where it will have it checked. */
export interface RelayChallenge {
  /** The host of the relay, as it was dialled. */
  readonly relay: string;
  readonly nonce: string;
  readonly endpoint: string;
  readonly region: string;
}

/** Makes the proof: a presigned GetCallerIdentity request. Rejects where the relay asks for something else. */
export type ProveIdentity = (challenge: RelayChallenge) => Promise<string>;

const MAX_HEAD = 16 * 1024; // bytes of an answer's head
const SCHEME = "RDSIAM-STS";

/** Reads the files of the way, and gives a way that asks the relay for each connection. */
export async function startRelayCarrier(
  relay: RelayAddress,
  prove: ProveIdentity,
): Promise<Carrier> {
  const secureContext = await relayContext(relay);
  const addresses = new WeakMap<Duplex, string>();
  const hint = "Check rds_via, RDSIAM_VIA or --via, the VPN, and that the relay runs.";
  return {
    open: async (target, signal) => {
      const socket = await connectTcp(relay, { what: "the relay", hint }, signal);
      const stream = await secureRelay(socket, { ...relay, secureContext }, signal);
      const address = await requestTunnel(stream, { relay, target, prove }, signal);
      if (address !== undefined) addresses.set(stream, address);
      return stream;
    },
    addressOf: (stream) => addresses.get(stream),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** The TLS context for a relay with the files of its address. */
export async function relayContext({
  ca,
  client,
}: Partial<Pick<RelayAddress, "ca" | "client">>): Promise<tls.SecureContext> {
  const files = { ca, cert: client?.cert, key: client?.key };
  const texts: Record<string, string> = {};
  for (const [name, file] of Object.entries(files)) {
    if (file !== undefined) texts[name] = await readPem(file, name);
  }
  try {
    return tls.createSecureContext({ ...texts, minVersion: "TLSv1.2" });
  } catch (cause) {
    throw viaError("the files of rds_via are no certificate with its key", {
      detail: `TLS says ${(cause as NodeJS.ErrnoException).code ?? "nothing"}.`,
      hint: "Check what cert=FILE and key=FILE name.",
    });
  }
}

// A file without a certificate would be taken for no CA at all, in silence.
async function readPem(file: string, name: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw viaError(`cannot read ${file}: ${cause.code ?? "unknown error"}`, {
      detail: `rds_via names it as ${name}.`,
      hint: "Check the name, and who may read it.",
      cause,
    });
  });
  const isRight = name === "key" ? /PRIVATE KEY-----/ : /-----BEGIN CERTIFICATE-----/;
  if (isRight.test(text)) return text;
  throw viaError(
    `${file} is no PEM file with a ${name === "key" ? "private key" : "certificate"}`,
    {
      detail: `rds_via names it as ${name}.`,
      hint: "Check the name.",
    },
  );
}

/** Brings TLS up and verifies who answers. */
export function secureRelay(
  socket: Socket,
  relay: HostPort & { readonly secureContext: tls.SecureContext },
  signal: AbortSignal,
): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = tls.connect({
      socket,
      ...(isIP(relay.host) === 0 ? { servername: relay.host } : {}),
      secureContext: relay.secureContext,
      rejectUnauthorized: true,
      ALPNProtocols: ["http/1.1"],
      checkServerIdentity: (_name, certificate) => tls.checkServerIdentity(relay.host, certificate),
    });
    const fail = (error: Error): void => {
      signal.removeEventListener("abort", onAbort);
      secured.destroy();
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason as Error);
    const onError = (error: NodeJS.ErrnoException): void => fail(notTrusted(relay, error));
    const onClose = (): void => fail(notTrusted(relay, undefined));
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) return onAbort();
    secured.once("error", onError).once("close", onClose);
    secured.once("secureConnect", () => {
      signal.removeEventListener("abort", onAbort);
      if (!secured.authorized) return fail(notTrusted(relay, secured.authorizationError));
      secured.off("error", onError).off("close", onClose);
      resolve(secured);
    });
  });
}

interface Request {
  readonly relay: RelayAddress;
  readonly target: CarrierTarget;
  readonly prove: ProveIdentity;
}

// Answers the address that the relay has dialled.
async function requestTunnel(
  stream: Duplex,
  { prove, relay, target }: Request,
  signal: AbortSignal,
): Promise<string | undefined> {
  const handshake = new Handshake(stream, signal);
  try {
    const ask = async (fields: readonly string[]): Promise<Answer> => {
      stream.write(encodeConnect(target, fields));
      return readAnswer(await handshake.takeHead(MAX_HEAD));
    };
    let answer = await ask([]);
    if (answer.status === 407) {
      const challenge = readChallenge(answer.fields, relay);
      const proof = await unlessAborted(prove(challenge), signal);
      answer = await ask([
        `X-Rdsiam-Relay: ${challenge.relay}`,
        `Proxy-Authorization: ${SCHEME} ${Buffer.from(proof, "latin1").toString("base64url")}`,
      ]);
    }
    if (answer.status !== 200) throw refusedByRelay(answer.fields, { relay, target });
    handshake.finish();
    return answer.fields.get("x-rdsiam-address");
  } catch (error) {
    handshake.abandon();
    if (!(error instanceof HandshakeFailed)) throw error;
    throw noRelay(relay, `In the answer to CONNECT ${error.message}.`);
  }
}

function encodeConnect(target: CarrierTarget, fields: readonly string[]): string {
  const place = `${target.host}:${target.port}`;
  const only = target.address === target.host ? [] : [`X-Rdsiam-Address: ${target.address}`];
  const lines = [`CONNECT ${place} HTTP/1.1`, `Host: ${place}`, ...only, ...fields];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

interface Answer {
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
}

function readAnswer(head: string): Answer {
  const [line = "", ...rest] = head.split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(line)?.[1]);
  if (Number.isNaN(status)) throw new HandshakeFailed("it does not speak HTTP");
  const fields = rest.map((field) => {
    const at = field.indexOf(":");
    return [field.slice(0, at).toLowerCase(), field.slice(at + 1).trim()] as const;
  });
  return { status, fields: new Map(fields) };
}

function readChallenge(fields: Answer["fields"], relay: RelayAddress): RelayChallenge {
  const challenge = fields.get("proxy-authenticate") ?? "";
  const [, endpoint, region, nonce] =
    /^RDSIAM-STS endpoint="([^"]+)", region="([a-z0-9-]+)", nonce="([\w-]{16,128})"$/.exec(
      challenge,
    ) ?? [];
  if (endpoint === undefined || region === undefined || nonce === undefined) {
    throw noRelay(relay, "It asks for a login that rdsiam's relay does not ask for.");
  }
  return { relay: relay.host.toLowerCase(), nonce, endpoint, region };
}

function noRelay(relay: HostPort, detail: string): RdsIamError {
  return viaError(`${showHostPort(relay)} does not answer as rdsiam's relay does`, {
    detail,
    hint: "Check host and port; another CONNECT proxy is reached with https://HOST:PORT.",
  });
}

function notTrusted(relay: HostPort, cause: NodeJS.ErrnoException | undefined): RdsIamError {
  // The types say Error; the runtimes answer the code for one that is not authorized.
  const code: unknown = typeof cause === "string" ? cause : cause?.code;
  return viaError(`TLS with ${showHostPort(relay)} failed`, {
    detail: `It ended with ${typeof code === "string" ? code : "a closed connection"}.`,
    hint: "If its certificate is from a CA of your own, name that: relay://HOST:PORT?ca=FILE",
    cause,
  });
}
