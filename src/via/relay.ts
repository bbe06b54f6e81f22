// The tunnel through `rdsiam relay`: CONNECT over TLS to the relay and, if it asks for one, a proof of the AWS identity that
// is valid for this relay and this connection alone.
// With the proof comes a ticket that stands for it on the next connections, and a TLS session that these resume.
// The relay reports the address that it dialed, and a cancel asks for that address, so that any replica can carry it.

import { Buffer } from "node:buffer";
import { readFile } from "node:fs/promises";
import type { Duplex } from "node:stream";
import { createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { errorCode } from "../base/errno.ts";
import type { RdsIamError } from "../base/errors.ts";
import { pemCertificates } from "../base/pem.ts";
import { TICKET_SCHEME, ticketKey, ticketProof } from "../base/relay-ticket.ts";
import { connectTls } from "../runtime/tls.ts";
import { unlessAborted } from "../base/deadline.ts";
import { Handshake, HandshakeError } from "./handshake.ts";
import { type HostPort, showHostPort } from "../base/host-port.ts";
import type { RelayAddress } from "./parse-server.ts";
import { connectTcp, type Destination, tlsFailure, type Tunnel, tunnelError } from "./tunnel.ts";

/** What a relay asks to have signed, and the STS endpoint that it sends the proof to. */
export interface RelayChallenge {
  /** The host of the relay, as it was dialed. */
  readonly relay: string;
  readonly nonce: string;
  readonly endpoint: string;
  readonly region: string;
}

/** Makes the proof: a presigned GetCallerIdentity request. Rejects an endpoint that is not AWS STS. */
export type ProveIdentity = (challenge: RelayChallenge) => Promise<string>;

const MAX_HEAD = 16 * 1024; // bytes of an answer's head
const SCHEME = "RDSIAM-STS";

/**
 * Reads the certificate files, and makes a tunnel that asks the relay for each connection; `carry` makes what reaches the
 * relay where it cannot be dialed, and is closed with the tunnel.
 */
export async function relayTunnel(
  relay: RelayAddress,
  prove: ProveIdentity,
  carry?: () => Promise<Tunnel | undefined>,
): Promise<Tunnel> {
  const secureContext = await relayContext(relay);
  const carrier = await carry?.();
  const addresses = new WeakMap<Duplex, string>();
  const kept: Kept = {};
  const hint = "Check rds_via, RDSIAM_VIA or --via, the VPN, and that the relay runs.";
  return {
    open: async (destination, signal) => {
      const socket = await (carrier === undefined
        ? connectTcp(relay, { what: "the relay", hint }, signal)
        : carrier.open(destination, signal));
      const failed = (cause: Error): RdsIamError => tlsFailed(relay, cause);
      const tlsOptions = { secureContext, ALPNProtocols: ["http/1.1"], failed };
      const { session } = kept;
      const stream = await connectTls({ socket, host: relay.host, session, ...tlsOptions }, signal);
      keepSession(stream, relay, kept);
      const address = await requestConnect(stream, { relay, destination, prove, kept }, signal);
      if (address !== undefined) addresses.set(stream, address);
      return stream;
    },
    addressOf: (stream) => addresses.get(stream),
    [Symbol.asyncDispose]: async () => carrier?.[Symbol.asyncDispose](),
  };
}

/** What one connection to a relay leaves for the next. */
interface Kept {
  /** Of TLS. */
  session?: Buffer | undefined;
  ticket?: { readonly name: string; readonly key: Buffer } | undefined;
}

// Only of a server that was verified: a resumed session skips the check of the name. A client certificate is proven by a whole
// handshake each time.
function keepSession(secured: TLSSocket, { client }: RelayAddress, kept: Kept): void {
  if (client === undefined) secured.on("session", (session) => (kept.session = session));
}

/** The TLS context for a relay with the files of its address. */
export async function relayContext({
  ca,
  client,
}: Partial<Pick<RelayAddress, "ca" | "client">>): Promise<SecureContext> {
  const files = { ca, cert: client?.cert, key: client?.key };
  const texts: Record<string, string> = {};
  for (const [name, file] of Object.entries(files)) {
    if (file !== undefined) texts[name] = await readPem(file, name);
  }
  try {
    return createSecureContext({ ...texts, minVersion: "TLSv1.2" });
  } catch (cause) {
    throw tunnelError("the files of rds_via are not a certificate and its key", {
      detail: `TLS reports ${errorCode(cause, "no error code")}.`,
      hint: "Check the files of cert=FILE and key=FILE.",
    });
  }
}

// TLS silently takes a file without a certificate, or with a broken one, for an empty list of CAs.
async function readPem(file: string, name: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw tunnelError(`cannot read ${file}: ${errorCode(cause)}`, {
      detail: `rds_via names it as ${name}.`,
      hint: "Check the name and the permissions.",
      cause,
    });
  });
  const what = name === "key" ? "private key" : "certificate";
  const notPem = (cause?: unknown): RdsIamError =>
    tunnelError(`${file} is not a PEM file with a ${what}`, {
      detail: `rds_via names it as ${name}.`,
      hint: "Check the name.",
      cause,
    });
  const isPem =
    name === "key"
      ? /PRIVATE KEY-----/.test(text)
      : pemCertificates(text, (_number, cause) => notPem(cause)).length > 0;
  if (!isPem) throw notPem();
  return text;
}

interface RelayConnect {
  readonly relay: RelayAddress;
  readonly destination: Destination;
  readonly prove: ProveIdentity;
  readonly kept: Kept;
}

// Resolves with the address that the relay dialed.
async function requestConnect(
  stream: TLSSocket,
  { prove, relay, destination, kept }: RelayConnect,
  signal: AbortSignal,
): Promise<string | undefined> {
  const handshake = new Handshake(stream, signal);
  try {
    const ask = async (fields: readonly string[]): Promise<RelayAnswer> => {
      stream.write(encodeConnect(destination, fields));
      return readAnswer(await handshake.takeHead(MAX_HEAD));
    };
    let answer = await ask(presentTicket(stream, kept));
    if (answer.status === 407) {
      const challenge = readChallenge(answer.fields, relay);
      const proof = await unlessAborted(prove(challenge), signal);
      answer = await ask([
        `X-Rdsiam-Relay: ${challenge.relay}`,
        `Proxy-Authorization: ${SCHEME} ${Buffer.from(proof, "latin1").toString("base64url")}`,
      ]);
      const name = answer.fields.get("x-rdsiam-ticket");
      const key = ticketKey(stream);
      kept.ticket = name === undefined || key === undefined ? undefined : { name, key };
    }
    if (answer.status !== 200) throw refused(answer.fields, relay, destination);
    handshake.finish();
    return answer.fields.get("x-rdsiam-address");
  } catch (error) {
    handshake.abandon();
    if (!(error instanceof HandshakeError)) throw error;
    throw notARelay(relay, `In the answer to CONNECT ${error.message}.`);
  }
}

function presentTicket(stream: TLSSocket, { ticket }: Kept): readonly string[] {
  const proof = ticket && ticketProof(ticket.key, stream)?.toString("base64url");
  if (ticket === undefined || proof === undefined) return [];
  return [`Proxy-Authorization: ${TICKET_SCHEME} ${ticket.name}.${proof}`];
}

function encodeConnect({ address, host, port }: Destination, fields: readonly string[]): string {
  const authority = `${host}:${port}`;
  const only = address === host ? [] : [`X-Rdsiam-Address: ${address}`];
  const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`, ...only, ...fields];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

interface RelayAnswer {
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
}

function readAnswer(head: string): RelayAnswer {
  const [line = "", ...rest] = head.split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(line)?.[1]);
  if (Number.isNaN(status)) throw new HandshakeError("it does not speak HTTP");
  const fields = rest.map((field) => {
    const at = field.indexOf(":");
    return [field.slice(0, at).toLowerCase(), field.slice(at + 1).trim()] as const;
  });
  return { status, fields: new Map(fields) };
}

function readChallenge(fields: RelayAnswer["fields"], relay: RelayAddress): RelayChallenge {
  const challenge = fields.get("proxy-authenticate") ?? "";
  const [, endpoint, region, nonce] =
    /^RDSIAM-STS endpoint="([^"]+)", region="([a-z0-9-]+)", nonce="([\w-]{16,128})"$/.exec(
      challenge,
    ) ?? [];
  if (endpoint === undefined || region === undefined || nonce === undefined) {
    throw notARelay(relay, "It asks for a kind of login that rdsiam's relay does not use.");
  }
  return { relay: relay.host.toLowerCase(), nonce, endpoint, region };
}

function notARelay(relay: HostPort, detail: string): RdsIamError {
  return tunnelError(`${showHostPort(relay)} does not answer like an rdsiam relay`, {
    detail,
    hint: "Check host and port; a relay with too many new connections closes some, too. For another CONNECT proxy, use https://HOST:PORT.",
  });
}

function tlsFailed(relay: RelayAddress, cause: Error): RdsIamError {
  const { host, kube } = relay;
  const hint =
    kube === undefined
      ? "If its certificate is from a private CA, name the CA file: relay://HOST:PORT?ca=FILE"
      : "Name the CA file of its certificate, and a name that is in it: kube+relay://NAMESPACE/svc/NAME?ca=FILE&host=NAME";
  return tunnelError(`TLS with ${showHostPort(relay)} failed`, {
    ...tlsFailure(cause, { host, hint, nameHint: kube && hint }),
    cause,
  });
}

interface Meaning {
  readonly detail: string;
  readonly hint: string;
}

const CLOCK = "Check this machine's clock with: date -u.";
const OPERATOR = "Ask the relay's operators to look at its log.";
const VERSION = "Update rdsiam, or look for something in the path that changes requests.";

// The relay refuses with one word; the sentences for the user are here.
const MEANINGS: Readonly<Record<string, Meaning>> = {
  "identity-needed": {
    detail: "It asks for a proof of the AWS identity, and received none.",
    hint: VERSION,
  },
  "identity-malformed": {
    detail:
      "It cannot use the proof of the AWS identity: the proof is for a name that the relay does not have, or another version's.",
    hint: "Use the relay's own name in relay://NAME:PORT, the one in its certificate.",
  },
  "identity-expired": {
    detail: "The proof of the AWS identity was too old, or from the future, when it arrived.",
    hint: CLOCK,
  },
  "identity-refused": {
    detail: "AWS STS does not accept the signature of these credentials.",
    hint: `Check with: aws sts get-caller-identity. ${CLOCK}`,
  },
  "identity-unavailable": {
    detail: "It cannot reach AWS STS to check the AWS identity.",
    hint: `Try again. ${OPERATOR}`,
  },
  certificate: {
    detail: "It does not trust the client certificate.",
    hint: "Check cert=FILE in rds_via: its issuer, and its expiry date.",
  },
  address: {
    detail: "The name resolves to an address that the relay does not dial.",
    hint: "A cancel fails like this when the database has moved; otherwise ask the relay's operators to look at its networks.",
  },
  dns: {
    detail: "The name cannot be looked up where the relay is.",
    hint: "Check that the database is there, and the DNS of the relay's network.",
  },
  unreachable: {
    detail: "The database cannot be reached from where the relay is.",
    hint: "Check that the database runs, and that its security group lets the relay in.",
  },
  busy: { detail: "It has as many sessions as it allows.", hint: "Try again later." },
  "user-busy": {
    detail: "You have as many sessions there as it allows one identity.",
    hint: "Close some, or ask the relay's operators about max_user_connections.",
  },
  draining: { detail: "It is shutting down, and takes no new sessions.", hint: "Try again." },
  "bad-request": { detail: "It could not read the request.", hint: VERSION },
};

function refused(
  fields: RelayAnswer["fields"],
  relay: HostPort,
  { host, port }: Destination,
): RdsIamError {
  const word = fields.get("x-rdsiam-refusal") ?? "";
  const message = `the relay ${showHostPort(relay)} opened no connection to ${host} port ${port}`;
  if (word === "not-allowed") {
    // What comes from elsewhere goes to a terminal only in the form that it must have.
    const [arn] = /^arn:[\w+=,.@:/-]{1,2048}$/.exec(fields.get("x-rdsiam-identity") ?? "") ?? [];
    return tunnelError(message, {
      detail:
        arn === undefined
          ? "No rule of the relay lets this client reach that database, or the database is not on its list."
          : `It knows you as ${arn}. No rule of the relay lets that identity reach the database, or the database is not on its list.`,
      hint: "Ask the relay's operators for an [allow] rule, or use another profile: --profile NAME",
    });
  }
  const known = Object.hasOwn(MEANINGS, word) ? MEANINGS[word] : undefined;
  const unknown = {
    detail: "It refused for a reason that this version of rdsiam does not know.",
    hint: OPERATOR,
  };
  return tunnelError(message, known ?? unknown);
}
