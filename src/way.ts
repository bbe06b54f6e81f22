// The part of a session that is about how to get there: --via and rds_via. Whatever the way, the connection that comes out
// of it is verified in full against the canonical name; a way can break a connection, and never choose where it ends.
import type { CredentialSource } from "./aws/credentials.ts";
import type { Settings } from "./config/settings.ts";
import type { LoadedTargets } from "./config/targets.ts";
import type { RdsIamError } from "./errors.ts";
import type { Place } from "./locate.ts";
import type { Log } from "./log.ts";
import type { Backend } from "./proxy/backend-login.ts";
import type { Via } from "./via/parse.ts";
import type { StartSsmSession } from "./via/ssm.ts";

/** What the process edge hands in. */
export interface WayEdge {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

/** Where to, and with whose credentials. */
export interface WayRequest extends Pick<Place, "addresses" | "dialHost" | "region"> {
  readonly settings: Settings;
  readonly loaded: LoadedTargets;
  readonly credentials: CredentialSource;
}

/** The backend's own part of a way; empty when it is dialled directly. */
export interface Way extends AsyncDisposable {
  readonly backend: Pick<Backend, "dial" | "way">;
}

const DIRECT: Way = { backend: {}, [Symbol.asyncDispose]: async () => {} };

/** Reads the way of the settings, so that a wrong one is told before anything is asked of anybody. */
export async function readWay({ log }: WayEdge, { via }: Settings): Promise<Via> {
  if (via === undefined) return { kind: "direct" };
  const { parseVia, viaSecrets } = await import("./via/parse.ts");
  const read = parseVia(via.text, via.source);
  for (const secret of viaSecrets(read)) log.addSecret(secret);
  return read;
}

/** Starts the way of the settings; it may ask on the terminal (ssh for a passphrase). */
export async function openWay(edge: WayEdge, request: WayRequest): Promise<Way> {
  const { settings, addresses, dialHost: host } = request;
  const via = await readWay(edge, settings);
  if (via.kind === "direct") return DIRECT;
  const { dialler, startVia } = await import("./via/start.ts");
  const { describeVia } = await import("./via/parse.ts");
  const { findTool } = await import("./child/find-tool.ts");
  const { env, log } = edge;
  const way = describeVia(via);
  log.verbose(`way: ${way}`);
  const carrier = await startVia(via, {
    env,
    connectTimeout: settings.connectTimeout * 1_000,
    findProgram: (name) => findTool(name, env),
    note: log.verbose,
    warn: (line) => log.always(`rdsiam: warning: ${line}`),
    onBroken: (error) => tell(log, error),
    startSsmSession: sessionStarter(edge, request),
  });
  if (carrier === undefined) return DIRECT;
  // Without DNS servers of the database's own network, the far end knows its names better than we do.
  const lookUp = settings.dnsServers.length > 0 ? addresses : undefined;
  const dial = dialler(carrier, { host, port: settings.port, addresses: lookUp });
  return { backend: { dial, way }, [Symbol.asyncDispose]: () => carrier[Symbol.asyncDispose]() };
}

// The tool only sees that its session ended: why is known here alone.
function tell(log: Log, { message, detail, hint }: RdsIamError): void {
  log.always(`rdsiam: error: ${message}`);
  if (detail !== undefined) log.always(`DETAIL:  ${detail}`);
  if (hint !== undefined) log.always(`HINT:  ${hint}`);
}

function sessionStarter({ env, log }: WayEdge, request: WayRequest): StartSsmSession {
  const { settings, loaded, credentials, region } = request;
  return async (forwarding) => {
    const { awsCalls } = await import("./aws/profile-credentials.ts");
    const { startSsmSession } = await import("./aws/ssm-session.ts");
    const { configProfile, awsTimeout, profile } = settings;
    const calls = awsCalls(profile, { env, files: loaded.aws, configProfile, awsTimeout });
    const session = await startSsmSession(forwarding, { credentials, region, calls, profile });
    log.addSecret(session.response.TokenValue);
    return session;
  };
}
