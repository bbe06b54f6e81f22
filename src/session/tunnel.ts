// Opens the tunnel of --via or rds_via. Whatever the tunnel, the connection that comes out of it is verified in full against
// the canonical name: a tunnel can break a connection but never redirect it.
import type { CredentialSource } from "../aws/credentials.ts";
import type { AwsCalls } from "../aws/sdk.ts";
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { passwordSource } from "../config/settings.ts";
import type { Backend } from "../proxy/backend.ts";
import type { ProveIdentity } from "../via/relay.ts";
import type { StartSsmSession } from "../via/ssm.ts";
import type { EiceService } from "../via/eice.ts";
import type { EiceVia, SsmOptions, SsmVia, TunnelEnd } from "../via/start.ts";
import { callerOf, callsOf } from "./credentials.ts";
import type { DatabaseEndpoint } from "./endpoint.ts";
import type { StartOnInstance } from "./jump-instance.ts";
import type { RunSettings } from "./settings.ts";

/** Where to, and with whose credentials. */
export interface TunnelRequest extends RunSettings {
  readonly endpoint: DatabaseEndpoint;
  readonly credentials: CredentialSource;
}

/** The backend's part of a tunnel; empty when it is dialed directly. */
export interface BackendTunnel extends AsyncDisposable {
  readonly backend: Pick<
    Backend,
    "dial" | "isDialedAhead" | "middleman" | "prepareDial" | "tunnel"
  >;
}

const DIRECT: BackendTunnel = { backend: {}, [Symbol.asyncDispose]: async () => {} };

/** Opens the tunnel; it may ask on the terminal (ssh for a passphrase). */
export async function openTunnel(
  context: RunContext,
  request: TunnelRequest,
): Promise<BackendTunnel> {
  const { endpoint, settings, via } = request;
  if (via.kind === "direct") return DIRECT;
  const { startTunnel, tunnelDialer, tunnelPreparer } = await import("../via/start.ts");
  const { describeVia } = await import("../via/parse.ts");
  const { findTool } = await import("../tool/find-tool.ts");
  const { env, log } = context;
  const description = describeVia(via);
  log.verbose(`tunnel: ${description}`);
  const tunnel = await startTunnel(via, {
    env,
    connectTimeout: settings.connectTimeout * 1_000,
    findProgram: (name) => findTool(name, env),
    note: log.verbose,
    warn: (message) => log.warning({ message }),
    // The tool only sees that its session ended; the reason is known here alone.
    onBroken: (error) => log.error(error),
    ssm: (chosen) => ssmOptions(context, request, chosen),
    eice: (chosen) => eiceService(context, request, chosen),
    proveIdentity: identityProver(() => callsOf(context, request), request.credentials),
  });
  if (tunnel === undefined) return DIRECT;
  const close = (): PromiseLike<void> => tunnel[Symbol.asyncDispose]();
  const end = await tunnelEnd(request);
  const dial = tunnelDialer(tunnel, end);
  if (via.kind === "rds-auth-proxy") {
    const { throughMiddleman } = await import("./tunnel-rds-auth-proxy.ts");
    const secret = passwordSource(settings) === undefined ? "auth token" : "password";
    log.warning({
      message: `rds-auth-proxy at ${via.host} reads the ${secret} and all data of its sessions${via.sslmode === "disable" ? ", which reach it without TLS" : ""}`,
      hint: "rdsiam relay sees neither: rdsiam relay --help",
    });
    return {
      backend: { ...throughMiddleman(via, endpoint, dial), tunnel: description },
      [Symbol.asyncDispose]: close,
    };
  }
  const prepareDial = tunnelPreparer(tunnel, end);
  const isDialedAhead = via.kind === "relay" && via.kube === undefined;
  return {
    backend: { dial, isDialedAhead, prepareDial, tunnel: description },
    [Symbol.asyncDispose]: close,
  };
}

// Without DNS servers of the database's own network, the far end knows its names better than we do. Relays have lists of
// RDS's own names, and look them up themselves in any case.
async function tunnelEnd({ endpoint, settings, via }: TunnelRequest): Promise<TunnelEnd> {
  const { addresses, dialHost, host, port } = endpoint;
  const dialed = { host: dialHost, port: settings.port };
  if (via.kind !== "relay" && via.kind !== "rds-auth-proxy") {
    return { ...dialed, addresses: settings.dnsServers.length > 0 ? addresses : undefined };
  }
  const { parseEndpoint, unnamedCluster } = await import("../rds/endpoint.ts");
  const isOwn = parseEndpoint(dialHost) !== undefined || unnamedCluster(dialHost, endpoint);
  return { ...(isOwn ? dialed : { host, port }), addresses: undefined };
}

/** Proves the identity of the credentials that sign the auth tokens too. The relay chooses the STS endpoint, which must be AWS's: else ERR_VIA. */
export function identityProver(
  calls: () => AwsCalls,
  credentials: CredentialSource,
): ProveIdentity {
  return async ({ endpoint, nonce, region, relay }) => {
    const { isStsEndpoint, presignIdentity } = await import("../aws/presigned-identity.ts");
    if (!isStsEndpoint({ endpoint, region }, calls())) {
      throw new RdsIamError(
        `the relay ${relay} asked for a proof addressed to a service other than AWS STS`,
        {
          code: "ERR_VIA",
          detail: "Nothing was signed.",
          hint: "Ask the relay's operators which STS endpoint it uses.",
        },
      );
    }
    const fields = { "x-rdsiam-relay": relay, "x-rdsiam-nonce": nonce };
    return presignIdentity(await credentials(), { endpoint, region }, fields);
  };
}

async function eiceService(
  context: RunContext,
  request: TunnelRequest,
  { instance, user }: EiceVia,
): Promise<EiceService> {
  const { credentials, endpoint } = request;
  const { connectDial, findConnectRoute, sendPublicKey } =
    await import("../aws/instance-connect.ts");
  const caller = callerOf(context, request, endpoint.region, credentials);
  const route = await context.waiting.for("EC2", findConnectRoute(instance, caller));
  return {
    endpoint: route.endpoint.id,
    sendPublicKey: (publicKey) => sendPublicKey({ instance, user, publicKey }, caller),
    dial: async () => {
      const dial = await connectDial(route, caller);
      context.log.addSecret(dial.url);
      return dial;
    },
  };
}

// Where the instance is still to be chosen, that is done now: what is wrong is reported before the tool starts.
async function ssmOptions(
  context: RunContext,
  request: TunnelRequest,
  via: SsmVia,
): Promise<SsmOptions> {
  const { credentials, endpoint, settings } = request;
  const caller = () => callerOf(context, request, endpoint.region, credentials);
  const start: StartOnInstance = async (forwarding) => {
    const { startSsmSession } = await import("../aws/ssm-session.ts");
    const session = await startSsmSession(forwarding, caller());
    context.log.addSecret(session.response.TokenValue);
    return session;
  };
  const startSession = async (): Promise<StartSsmSession> => {
    const { instance: target } = via;
    if (target !== undefined) return (destination) => start({ ...destination, target });
    const { startOnNearest } = await import("./jump-instance.ts");
    return startOnNearest(context, { endpoint, caller: caller(), tag: via.tag }, start);
  };
  const { ssmService } = await import("./tunnel-ssm.ts");
  const service = ssmService(await startSession(), caller, context.log);
  return { service, plugin: settings.ssmPlugin, sessions: settings.ssmSessions };
}
