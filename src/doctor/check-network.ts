// The doctor's steps on the way to the database: names, addresses, TLS.
import { TLSSocket } from "node:tls";
import { openBackend } from "../session/backend.ts";
import type { Settings } from "../config/settings.ts";
import type { Checkup } from "./checkup.ts";
import { certificateFacts } from "./certificate.ts";
import { failure, lacking, ok, type Outcome } from "./finding.ts";
import { RdsIamError } from "../base/errors.ts";
import { openIdentity } from "../session/identity.ts";
import { locate, type Place } from "../session/endpoint.ts";
import { connectBackend } from "../proxy/backend-login.ts";
import { deadline } from "../base/deadline.ts";
import type { Address } from "../base/address.ts";
import { dial } from "../proxy/dial.ts";
import { connectTimedOut, type TimedBackend } from "../proxy/timed-out.ts";
import type { RunContext } from "../base/context.ts";
import type { Settled } from "../session/session.ts";
import { trustFor } from "../session/trust.ts";
import { typedPlace } from "../session/typed-place.ts";
import { showHostPort } from "../base/host-port.ts";
import { describeVia, type Via } from "../via/parse.ts";
import { openWay } from "../session/tunnel.ts";

/** Follows the name to the RDS endpoint, and looks its addresses up unless the far end of the way does. */
export async function checkDns(checkup: Checkup): Promise<Outcome> {
  const { context, loaded, settings, via } = checkup;
  if (loaded === undefined || settings === undefined) return lacking("config");
  const warnings: string[] = [];
  const warning = ({ message }: { readonly message: string }): void => void warnings.push(message);
  const edge = { ...context, log: { ...context.log, warning } };
  const isIam = settings.passwordCommand === undefined;
  const settled = { settings, loaded };
  const place = await (isIam ? signedPlace(checkup, edge, settled) : namedPlace(edge, settled));
  checkup.place = place;
  const kind = place.kind === "unknown" ? "" : ` (${place.kind})`;
  const signed = `signed and verified: ${place.host}:${place.port} in ${place.region}`;
  const notes = [isIam ? signed : `verified: ${place.host}`, ...warnings];
  const summary = `${place.hops.join(" -> ")}${kind}`;
  if (via !== undefined && isLookedUpThere(via, settings)) {
    checkup.isResolved = true;
    notes.push(`its address is looked up at the far end of ${describeVia(via)}`);
    return ok(summary, { notes });
  }
  try {
    const addresses = await place.addresses();
    checkup.isResolved = true;
    notes.push(addresses.map(({ address }) => address).join(", "));
    return ok(summary, { notes });
  } catch (error) {
    return failure(error, { notes: [summary, ...notes] });
  }
}

function signedPlace(checkup: Checkup, edge: RunContext, settled: Settled): Promise<Place> {
  const credentials = async (region: string) => {
    checkup.identity ??= await openIdentity(checkup.context, { ...settled, region });
    return checkup.identity.credentials;
  };
  return locate(edge, { ...settled, credentials });
}

// For passwords the name stands for itself.
async function namedPlace(edge: RunContext, settled: Settled): Promise<Place> {
  const place = await typedPlace(edge, settled);
  return { ...place, hops: [place.dialHost], remember: () => {} };
}

// As way.ts has it: with DNS servers of the database's own network its addresses are known here, but not to relays.
function isLookedUpThere({ kind }: Via, { dnsServers }: Settings): boolean {
  if (kind === "direct") return false;
  return dnsServers.length === 0 || kind === "relay" || kind === "rds-auth-proxy";
}

/** Connects to each address, or once through the way. */
export async function checkReachability(checkup: Checkup): Promise<Outcome> {
  const { context, identity, isResolved, loaded, place, settings, via } = checkup;
  if (loaded === undefined || settings === undefined || via === undefined) return lacking("config");
  if (place === undefined || isResolved !== true) return lacking("dns");
  const credentials = identity?.credentials ?? noCredentials;
  const way = await openWay(context, { ...place, settings, loaded, credentials });
  checkup.closers.push(() => way[Symbol.asyncDispose]());
  const { dial: dialWay } = way.backend;
  const { connectTimeout, port } = settings;
  const limits = { connectTimeout: connectTimeout * 1_000, loginTimeout: 0 };
  const target = { host: place.dialHost, port, ...limits, ...way.backend };
  if (dialWay === undefined) {
    const dialling = dialEach(await place.addresses(), target);
    const outcome = await context.waiting.for(target.host, dialling);
    if (outcome.status === "ok") checkup.way = way;
    return outcome;
  }
  const started = performance.now();
  using limit = deadline(target.connectTimeout, () => connectTimedOut(target), context.failed);
  const { socket } = await context.waiting.for(describeVia(via), dialWay(limit.signal));
  socket.destroy();
  checkup.way = way;
  return ok(`${target.host}:${port} through ${describeVia(via)}, ${since(started)}`);
}

async function noCredentials(): Promise<never> {
  throw new TypeError("a way asks for credentials before there are any");
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

/** Brings TLS up, verified in full; the connection stays for the login. */
export async function checkTls(checkup: Checkup): Promise<Outcome> {
  const { context, place, settings, way } = checkup;
  if (place === undefined || settings === undefined) return lacking("dns");
  if (way === undefined) return lacking("reachability");
  const secret = settings.passwordCommand === undefined ? "auth token" : "password";
  const opened = await openBackend(context, { ...place, settings });
  const backend = { ...opened, ...way.backend, secret } as const;
  checkup.backend = backend;
  const connecting = connectBackend(backend, context.failed);
  const connection = await context.waiting.for(place.host, connecting);
  checkup.connection = connection;
  checkup.closers.push(() => void connection.socket.destroy());
  const { socket } = connection;
  const trust = await trustFor(context, { ...place, settings });
  const secured = socket instanceof TLSSocket ? socket : undefined;
  const shown = secured?.getPeerCertificate(true);
  const facts = certificateFacts(shown, trust.certificates, Date.now());
  const version = secured?.getProtocol() ?? "TLS";
  const { host, verification } = backend.middleman ?? backend;
  const summary = `${version}, verified as ${host}`;
  if (facts === undefined) {
    return ok(summary, { notes: [`trusted: ${(await verification()).trust}`] });
  }
  const { days, name, root } = facts;
  const notes = [`certificate: ${name}, ${days} days left`];
  if (root !== undefined) notes.push(`root: ${root.name}, ${root.days} days left`);
  return ok(summary, { notes });
}

function since(started: number): string {
  return `${(performance.now() - started).toFixed(1)} ms`;
}
