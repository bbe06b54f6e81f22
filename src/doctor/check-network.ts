// The doctor's steps on the network: names, addresses, TLS.
import { TLSSocket } from "node:tls";
import type { CredentialSource } from "../aws/credentials.ts";
import type { Address } from "../base/address.ts";
import type { RunContext } from "../base/context.ts";
import { deadline } from "../base/deadline.ts";
import { RdsIamError } from "../base/errors.ts";
import { showHostPort } from "../base/host-port.ts";
import { passwordSource, type Settings } from "../config/settings.ts";
import { AUTO_SECRET } from "../config/targets.ts";
import { type Backend, type BackendConnection, connectBackend } from "../proxy/backend.ts";
import { dial } from "../proxy/dial.ts";
import { connectTimedOut, type TimedBackend } from "../proxy/failure.ts";
import { openBackend, trustFor } from "../session/backend.ts";
import type { CredentialSettings } from "../session/credentials.ts";
import { type DatabaseEndpoint, findEndpoint, typedEndpoint } from "../session/endpoint.ts";
import { openTunnel, type BackendTunnel, type TunnelRequest } from "../session/tunnel.ts";
import { describeVia, type Via } from "../via/parse.ts";
import { certificateFacts } from "./certificate.ts";
import { type Closers, failure, type StepResult, ok, type Outcome } from "./finding.ts";

/** Where a database is. */
export interface FoundEndpoint {
  readonly endpoint: DatabaseEndpoint;
  /** Whether the addresses are known, or are looked up at the far end of the tunnel. */
  readonly isResolved: boolean;
}

/** What an endpoint is found with. */
export interface DnsRequest extends CredentialSettings {
  readonly via: Via | undefined;
  readonly credentials: CredentialSource;
}

/** Follows the name to the RDS endpoint, and looks its addresses up unless the far end of the tunnel does. */
export async function checkDns(
  context: RunContext,
  request: DnsRequest,
): Promise<StepResult<FoundEndpoint>> {
  const { credentials, settings, via } = request;
  const warnings: string[] = [];
  const warning = ({ message }: { readonly message: string }): void => void warnings.push(message);
  const quiet = { ...context, log: { ...context.log, warning } };
  const isIam = passwordSource(settings) === undefined;
  const endpoint = await (isIam || settings.secret === AUTO_SECRET
    ? findEndpoint(quiet, request, () => credentials)
    : typedEndpoint(quiet, request));
  const kind = endpoint.kind === "unknown" ? "" : ` (${endpoint.kind})`;
  const signed = `signed and verified: ${endpoint.host}:${endpoint.port} in ${endpoint.region}`;
  const notes = [isIam ? signed : `verified: ${endpoint.host}`, ...warnings];
  const summary = `${endpoint.hops.join(" -> ")}${kind}`;
  if (via !== undefined && isResolvedByTunnel(via, settings)) {
    notes.push(`its address is looked up at the far end of ${describeVia(via)}`);
    return { ...ok(summary, { notes }), value: { endpoint, isResolved: true } };
  }
  try {
    const addresses = await endpoint.addresses();
    notes.push(addresses.map(({ address }) => address).join(", "));
    return { ...ok(summary, { notes }), value: { endpoint, isResolved: true } };
  } catch (error) {
    const outcome = failure(error, { notes: [summary, ...notes] });
    return { ...outcome, value: { endpoint, isResolved: false } };
  }
}

// As session/tunnel.ts has it: with DNS servers of the database's own network its addresses are known here, but not to relays.
function isResolvedByTunnel({ kind }: Via, { dnsServers }: Settings): boolean {
  if (kind === "direct") return false;
  return dnsServers.length === 0 || kind === "relay" || kind === "rds-auth-proxy";
}

/** Connects to each address, or once through the tunnel. */
export async function checkReachability(
  context: RunContext,
  request: TunnelRequest,
  closers: Closers,
): Promise<StepResult<BackendTunnel>> {
  const { endpoint, settings, via } = request;
  const tunnel = await openTunnel(context, request);
  closers.push(() => tunnel[Symbol.asyncDispose]());
  const { dial: dialTunnel } = tunnel.backend;
  const { connectTimeout, port } = settings;
  const limits = { connectTimeout: connectTimeout * 1_000, loginTimeout: 0 };
  const target = { host: endpoint.dialHost, port, ...limits, ...tunnel.backend };
  if (dialTunnel === undefined) {
    const dialing = dialEach(await endpoint.addresses(), target);
    const outcome = await context.waiting.for(target.host, dialing);
    return { ...outcome, value: outcome.status === "ok" ? tunnel : undefined };
  }
  const started = performance.now();
  using limit = deadline(target.connectTimeout, () => connectTimedOut(target), context.failed);
  const { socket } = await context.waiting.for(describeVia(via), dialTunnel(limit.signal));
  socket.destroy();
  const summary = `${target.host}:${port} through ${describeVia(via)}, ${since(started)}`;
  return { ...ok(summary), value: tunnel };
}

// All at once: a name may have many addresses that do not answer.
async function dialEach(addresses: readonly Address[], target: TimedBackend): Promise<Outcome> {
  const { host, port } = target;
  const attempts = await Promise.all(
    addresses.map(async (address) => {
      const started = performance.now();
      using limit = deadline(target.connectTimeout, () => connectTimedOut(target));
      const place = showHostPort({ host: address.address, port });
      try {
        const socket = await dial({ host, port, addresses: [address] }, limit.signal);
        socket.destroy();
        return { text: `${place}, ${since(started)}`, error: undefined };
      } catch (error) {
        const why = error instanceof RdsIamError ? error.detail : undefined;
        return { text: `${place}: ${why ?? "it failed"}`, error };
      }
    }),
  );
  const working = attempts.find(({ error }) => error === undefined);
  const notes = attempts.filter((each) => each !== working).map(({ text }) => text);
  if (working !== undefined) return ok(working.text, { notes });
  return failure(attempts[0]?.error, attempts.length > 1 ? { notes } : {});
}

/** A connection on which TLS stands and nothing has been sent yet. */
export interface FoundConnection {
  readonly backend: Backend;
  readonly connection: BackendConnection;
}

/** What TLS is brought up with. */
export interface TlsRequest {
  readonly settings: Settings;
  readonly endpoint: DatabaseEndpoint;
  readonly tunnel: BackendTunnel;
}

/** Brings TLS up, verified in full; the connection stays for the login. */
export async function checkTls(
  context: RunContext,
  request: TlsRequest,
  closers: Closers,
): Promise<StepResult<FoundConnection>> {
  const { endpoint, settings, tunnel } = request;
  const secret = passwordSource(settings) === undefined ? "auth token" : "password";
  const opened = await openBackend(context, request);
  const backend = { ...opened, ...tunnel.backend, secret } as const;
  const connecting = connectBackend(backend, context.failed);
  const connection = await context.waiting.for(endpoint.host, connecting);
  closers.push(() => void connection.socket.destroy());
  const { socket } = connection;
  const value = { backend, connection };
  const { host, verification } = backend.middleman ?? backend;
  if (verification === undefined) return { ...ok(`sslmode=disable: no TLS to ${host}`), value };
  const trust = await trustFor(context, request);
  const secured = socket instanceof TLSSocket ? socket : undefined;
  const shown = secured?.getPeerCertificate(true);
  const facts = certificateFacts(shown, trust.certificates, Date.now());
  const version = secured?.getProtocol() ?? "TLS";
  const summary = `${version}, verified as ${host}`;
  if (facts === undefined) {
    const notes = [`trusted CAs: ${(await verification()).trust}`];
    return { ...ok(summary, { notes }), value };
  }
  const { days, name, root } = facts;
  const notes = [`certificate: ${name}, ${days} days left`];
  if (root !== undefined) notes.push(`root: ${root.name}, ${root.days} days left`);
  return { ...ok(summary, { notes }), value };
}

function since(started: number): string {
  return `${(performance.now() - started).toFixed(1)} ms`;
}
