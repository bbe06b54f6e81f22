// The part of a session that is about how to get there: --via and rds_via. Whatever the way, the connection that comes out
// of it is verified in full against the canonical name; a way can break a connection, and never choose where it ends.
import type { CredentialSource } from "../aws/credentials.ts";
import type { Settings } from "../config/settings.ts";
import type { LoadedTargets } from "../config/targets.ts";
import { RdsIamError } from "../base/errors.ts";
import type { Place } from "./endpoint.ts";
import type { Log } from "../base/log.ts";
import type { Backend } from "../proxy/backend-login.ts";
import type { Via } from "../via/parse.ts";
import type { ProveIdentity } from "../via/relay.ts";
import type { StartSsmSession } from "../via/ssm.ts";
import type { TunnelEnd } from "../via/start.ts";

/** What the process edge hands in. */
export interface WayEdge {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

/** Where to, and with whose credentials. */
export interface WayRequest extends Pick<
  Place,
  "addresses" | "dialHost" | "host" | "port" | "region"
> {
  readonly settings: Settings;
  readonly loaded: LoadedTargets;
  readonly credentials: CredentialSource;
}

/** The backend's own part of a way; empty when it is dialled directly. */
export interface Way extends AsyncDisposable {
  readonly backend: Pick<Backend, "dial" | "middleman" | "way">;
}

const DIRECT: Way = { backend: {}, [Symbol.asyncDispose]: async () => {} };

/** Reads the way of the settings, so that a wrong one is told before anything is asked of anybody. */
export async function readWay({ log }: WayEdge, { via }: Settings): Promise<Via> {
  if (via === undefined) return { kind: "direct" };
  const { parseVia, viaSecrets } = await import("../via/parse.ts");
  const read = parseVia(via.text, via.source);
  for (const secret of viaSecrets(read)) log.addSecret(secret);
  return read;
}

/** Starts the way of the settings; it may ask on the terminal (ssh for a passphrase). */
export async function openWay(edge: WayEdge, request: WayRequest): Promise<Way> {
  const { settings } = request;
  const via = await readWay(edge, settings);
  if (via.kind === "direct") return DIRECT;
  const { startTunnel, tunnelDialer } = await import("../via/start.ts");
  const { describeVia } = await import("../via/parse.ts");
  const { findTool } = await import("../tool/find-tool.ts");
  const { env, log } = edge;
  const way = describeVia(via);
  log.verbose(`tunnel: ${way}`);
  const tunnel = await startTunnel(via, {
    env,
    connectTimeout: settings.connectTimeout * 1_000,
    findProgram: (name) => findTool(name, env),
    note: log.verbose,
    warn: (message) => log.warning({ message }),
    // The tool only sees that its session ended: why is known here alone.
    onBroken: (error) => log.error(error),
    startSsmSession: sessionStarter(edge, request),
    proveIdentity: identityProver(request, env),
  });
  if (tunnel === undefined) return DIRECT;
  const close = (): PromiseLike<void> => tunnel[Symbol.asyncDispose]();
  const dial = tunnelDialer(tunnel, await wayTarget(via, request));
  if (via.kind === "rds-auth-proxy") {
    const { throughMiddleman } = await import("./tunnel-rds-auth-proxy.ts");
    const secret = settings.passwordCommand === undefined ? "auth token" : "password";
    log.warning({
      message: `rds-auth-proxy at ${via.host} reads the ${secret} and all data of its sessions`,
      hint: "rdsiam relay sees neither: see docs/relay.md.",
    });
    return {
      backend: { ...throughMiddleman(via, request, dial), way },
      [Symbol.asyncDispose]: close,
    };
  }
  return { backend: { dial, way }, [Symbol.asyncDispose]: close };
}

// Without DNS servers of the database's own network, the far end knows its names better than we do. Relays have lists of
// RDS's own names, and look them up themselves in any case.
async function wayTarget(
  { kind }: Via,
  { addresses, dialHost, host, port, settings }: WayRequest,
): Promise<TunnelEnd> {
  const dialled = { host: dialHost, port: settings.port };
  if (kind !== "relay" && kind !== "rds-auth-proxy") {
    return { ...dialled, addresses: settings.dnsServers.length > 0 ? addresses : undefined };
  }
  const { parseEndpoint } = await import("../rds/endpoint.ts");
  const own = parseEndpoint(dialHost) === undefined ? { host, port } : dialled;
  return { ...own, addresses: undefined };
}

// Signed with the credentials that sign the auth tokens too. Where STS is asked is the relay's word: it has to be AWS.
function identityProver(request: WayRequest, env: WayEdge["env"]): ProveIdentity {
  const { credentials, loaded, settings } = request;
  return async ({ endpoint, nonce, region, relay }) => {
    const { awsCalls } = await import("../aws/profile-credentials.ts");
    const { isStsEndpoint, presignIdentity } = await import("../aws/presigned-identity.ts");
    const { configProfile, awsTimeout, profile } = settings;
    const calls = awsCalls(profile, { env, files: loaded.aws, configProfile, awsTimeout });
    if (!isStsEndpoint({ endpoint, region }, calls)) {
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

function sessionStarter({ env, log }: WayEdge, request: WayRequest): StartSsmSession {
  const { settings, loaded, credentials, region } = request;
  return async (forwarding) => {
    const { awsCalls } = await import("../aws/profile-credentials.ts");
    const { startSsmSession } = await import("../aws/ssm-session.ts");
    const { configProfile, awsTimeout, profile } = settings;
    const calls = awsCalls(profile, { env, files: loaded.aws, configProfile, awsTimeout });
    const session = await startSsmSession(forwarding, { credentials, region, calls, profile });
    log.addSecret(session.response.TokenValue);
    return session;
  };
}
