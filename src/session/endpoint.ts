// The part of a session that is about where the database is, in three roles that are kept apart: the name and port that
// tokens are signed for, the name that the certificate must have (always the signed one), and the name that is dialled.
// An alias is remembered after the first login that worked, not when it is resolved: a mistyped or half-configured name
// would otherwise be the one that every later run is compared with.
import type { CredentialSource } from "../aws/credentials.ts";
import type { RdsCaller } from "../aws/rds-client.ts";
import type { Settings } from "../config/settings.ts";
import type { LoadedTargets } from "../config/targets.ts";
import { errorCode } from "../base/errno.ts";
import type { Address } from "../base/address.ts";
import { RdsIamError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Waiting } from "../base/waiting.ts";
import type { CanonicalHost, EndpointQuestions } from "../rds/canonical-host.ts";
import type { EndpointKind } from "../rds/endpoint.ts";

/** What the process edge hands in. */
export interface PlaceEdge {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly log: Log;
  readonly waiting: Waiting;
}

/** Which database, and whose credentials may ask AWS about it. */
export interface PlaceRequest {
  readonly settings: Settings;
  readonly loaded: LoadedTargets;
  /** Called only where a name alone does not tell enough; the Region is a fallback for STS. */
  readonly credentials: (region: string) => Promise<CredentialSource>;
}

/** Where a database is. */
export interface Place {
  /** The canonical host, as RDS itself calls it: signed and verified. */
  readonly host: string;
  /** The port that is signed: the database's own. */
  readonly port: number;
  /** The name that is dialled, at the settings' port. */
  readonly dialHost: string;
  readonly kind: EndpointKind;
  readonly region: string;
  /** Every name from the one that was typed to the RDS endpoint that it stands for. */
  readonly hops: readonly string[];
  /** The addresses of the name that is dialled. */
  readonly addresses: () => Promise<readonly Address[]>;
  /** To be called when a login worked: remembers where the alias led. */
  readonly remember: () => void;
}

/** Finds out where the database of the settings is. */
export async function locate(edge: PlaceEdge, request: PlaceRequest): Promise<Place> {
  const { log } = edge;
  const { settings } = request;
  const { nameResolver } = await import("../rds/resolver.ts");
  const { resolveCanonicalHost } = await import("../rds/canonical-host.ts");
  const resolver = nameResolver(settings.dnsServers);
  const resolving = resolveCanonicalHost(settings.host, {
    resolver,
    region: settings.region,
    signHost: settings.signHost?.host,
    questions: questions(edge, request),
  });
  const found = await edge.waiting.for(`DNS (${settings.host})`, resolving);
  const { canonical, dialled, hops } = found;
  const kind = `${canonical.kind}, ${canonical.region ?? "no Region in the name"}`;
  log.verbose(`host: ${hops.join(" -> ")} (${kind})`);
  const region = regionFor(canonical, settings, log);
  const remember = await recognize(edge, settings, found);
  const port = settings.signHost?.port ?? settings.port;
  log.verbose(`signed: ${canonical.host}:${port} in ${region}`);
  log.verbose(`verified: ${canonical.host}`);
  log.verbose(`dialled: ${dialled}:${settings.port}`);
  return {
    host: canonical.host,
    port,
    dialHost: dialled,
    kind: canonical.kind,
    region,
    hops,
    addresses: () => edge.waiting.for(`DNS (${dialled})`, resolver.addresses(dialled)),
    remember,
  };
}

function regionFor(canonical: CanonicalHost["canonical"], settings: Settings, log: Log): string {
  const region = settings.region ?? canonical.region;
  if (region === undefined) {
    throw new RdsIamError(`no Region for ${canonical.host}`, {
      code: "ERR_REGION",
      detail: "The name does not say in which Region the database is.",
      hint: "Add --region REGION, or set rds_region in the target's profile.",
    });
  }
  if (settings.profileRegion !== undefined && settings.profileRegion !== region) {
    log.verbose(
      `the profile's Region is ${settings.profileRegion}, the database's ${region}: tokens are signed for the latter`,
    );
  }
  return region;
}

// What the RDS API is asked with the credentials of this run, where a name alone does not tell.
function questions({ env, log, waiting }: PlaceEdge, request: PlaceRequest): EndpointQuestions {
  const { settings, loaded } = request;
  const callerIn = async (region: string): Promise<RdsCaller> => {
    const { awsCalls } = await import("../aws/profile-credentials.ts");
    const { configProfile, awsTimeout } = settings;
    const calls = awsCalls(settings.profile, { env, files: loaded.aws, configProfile, awsTimeout });
    const credentials = await request.credentials(region);
    return { credentials, region, calls, profile: settings.profile };
  };
  return {
    clusterEndpoint: async ({ host, region = "" }) => {
      const { clusterOfCustomEndpoint } = await import("../aws/rds-endpoints.ts");
      log.verbose(`asking the RDS API in ${region} for the cluster of the custom endpoint ${host}`);
      return waiting.for("the RDS API", clusterOfCustomEndpoint(host, await callerIn(region)));
    },
    writerRegion: async ({ host }) => {
      const region = env["AWS_REGION"] || env["AWS_DEFAULT_REGION"] || settings.profileRegion;
      if (region === undefined) return undefined;
      const { writerRegionOf } = await import("../aws/rds-endpoints.ts");
      log.verbose(`asking the RDS API in ${region} for the writer of the global database ${host}`);
      return waiting.for("the RDS API", writerRegionOf(host, await callerIn(region)));
    },
  };
}

// Compares an alias with where it led before. Only what DNS said is compared: a name that RDS made, or a sign host, is
// the user's own word.
async function recognize(
  { env, home, log }: PlaceEdge,
  { strictHost }: Settings,
  { alias, hops }: CanonicalHost,
): Promise<() => void> {
  const canonical = hops.at(-1);
  if (hops.length < 2 || canonical === undefined) return () => {};
  const known = await import("../rds/known-hosts.ts");
  const file = known.knownHostsFile(env, home);
  const warn = (error: unknown): void => {
    if (strictHost || !(error instanceof RdsIamError)) throw error;
    log.warning(error);
  };
  let isNew = false;
  try {
    const recognition = await known.recognizeHost(file, { alias, canonical });
    isNew = recognition.kind === "new";
    if (recognition.kind === "changed") {
      warn(known.changedHost(file, { alias, canonical }, recognition.before));
    }
  } catch (error) {
    warn(error);
  }
  return () => {
    if (!isNew) return;
    isNew = false;
    try {
      known.rememberHost(file, { alias, canonical });
      log.verbose(`remembered in ${file}: ${alias} leads to ${canonical}`);
    } catch (error) {
      const code = errorCode(error);
      log.verbose(`cannot remember in ${file} where ${alias} leads: ${code}`);
    }
  };
}
