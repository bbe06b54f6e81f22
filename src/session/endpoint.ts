// Where the database is, in three roles that are kept apart: the name and port that tokens are signed for, the name that the
// certificate must have (always the signed one), and the address that is dialed.
// An alias is remembered after the first login that worked, not when it is resolved: a mistyped or half-configured name
// would otherwise be the one that every later run is compared with.
import { environmentRegions } from "../aws/endpoints.ts";
import type { CredentialSource } from "../aws/credentials.ts";
import type { AwsCaller } from "../aws/rds-client.ts";
import type { Address } from "../base/address.ts";
import type { RunContext } from "../base/context.ts";
import type { Recognition } from "../rds/known-hosts.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Settings } from "../config/settings.ts";
import type { CanonicalHost, EndpointQuestions } from "../rds/canonical-host.ts";
import { type Endpoint, type EndpointKind, redshiftCluster } from "../rds/endpoint.ts";
import { callerOf, type CredentialSettings } from "./credentials.ts";

type EndpointContext = Pick<RunContext, "env" | "home" | "log" | "waiting">;

/** Where a database is. */
export interface DatabaseEndpoint {
  /** The canonical host, as RDS itself calls it: signed and verified. */
  readonly host: string;
  /** The port that is signed: the database's own. */
  readonly port: number;
  /** The name that is dialed, at the settings' port. */
  readonly dialHost: string;
  readonly kind: EndpointKind;
  readonly region: string;
  /** Every name from the one that was typed to the RDS endpoint that it stands for. */
  readonly hops: readonly string[];
  /** The addresses of the name that is dialed. */
  readonly addresses: () => Promise<readonly Address[]>;
  /** To be called when a login worked: remembers where the alias points. */
  readonly remember: () => void;
}

/**
 * Follows the CNAMEs of the settings' host to the RDS endpoint. `credentials` is called only where a name alone is not
 * enough; its Region is a fallback for STS.
 */
export async function findEndpoint(
  context: EndpointContext,
  run: CredentialSettings,
  credentials: (region: string) => CredentialSource,
): Promise<DatabaseEndpoint> {
  const { env, log, waiting } = context;
  const { settings } = run;
  const { nameResolver } = await import("../rds/resolver.ts");
  const { resolveCanonicalHost } = await import("../rds/canonical-host.ts");
  const resolver = nameResolver(settings.dnsServers, { env });
  const resolving = resolveCanonicalHost(settings.host, {
    resolver,
    region: settings.region,
    signHost: settings.signHost?.host,
    questions: questions(context, run, credentials),
  });
  const found = await waiting.for(`DNS (${settings.host})`, resolving);
  const { canonical, dialed, hops } = found;
  const kind = `${canonical.kind}, ${canonical.region ?? "no Region in the name"}`;
  log.verbose(`host: ${hops.join(" -> ")} (${kind})`);
  const region = regionFor(canonical, settings, log);
  const remember = await recognize(context, settings, found);
  const port = settings.signHost?.port ?? settings.port;
  log.verbose(`signed: ${canonical.host}:${port} in ${region}`);
  log.verbose(`verified: ${canonical.host}`);
  log.verbose(`dialed: ${dialed}:${settings.port}`);
  return {
    host: canonical.host,
    port,
    dialHost: dialed,
    kind: kindOf(canonical, settings),
    region,
    hops,
    addresses: () => waiting.for(`DNS (${dialed})`, resolver.addresses(dialed)),
    remember,
  };
}

/**
 * The endpoint of logins that do not use IAM: the name that was typed, which is also verified unless --sign-host names
 * another. Passwords go there, so no CNAME is followed: DNS must not choose whose certificate is accepted.
 */
export async function typedEndpoint(
  { env, log }: Pick<RunContext, "env" | "log">,
  { settings }: CredentialSettings,
): Promise<DatabaseEndpoint> {
  const { normalizeHost, parseEndpoint } = await import("../rds/endpoint.ts");
  const { nameResolver } = await import("../rds/resolver.ts");
  const dialHost = normalizeHost(settings.host);
  const host = normalizeHost(settings.signHost?.host ?? settings.host);
  const endpoint = parseEndpoint(host);
  log.verbose(`verified: ${host}`);
  log.verbose(`dialed: ${dialHost}:${settings.port}`);
  const resolver = nameResolver(settings.dnsServers, { env });
  return {
    host,
    port: settings.signHost?.port ?? settings.port,
    dialHost,
    kind: kindOf(endpoint ?? { host, kind: "unknown" }, settings),
    region: settings.region ?? endpoint?.region ?? settings.profileRegion ?? "us-east-1",
    hops: [dialHost],
    addresses: () => resolver.addresses(dialHost),
    remember: () => {},
  };
}

function kindOf(endpoint: Pick<Endpoint, "host" | "kind">, { redshift }: Settings): EndpointKind {
  return redshiftCluster(endpoint, redshift)?.service ?? endpoint.kind;
}

function regionFor(canonical: CanonicalHost["canonical"], settings: Settings, log: Log): string {
  const region = settings.region ?? canonical.region;
  if (region === undefined) {
    throw new RdsIamError(`no Region for ${canonical.host}`, {
      code: "ERR_REGION",
      detail: "The name does not contain the Region of the database.",
      hint: "Add {--region} REGION, or set rds_region in the target's profile.",
    });
  }
  if (canonical.region !== undefined && canonical.region !== region) {
    const message = `the host is in ${canonical.region}, but ${settings.regionSource} is ${region}`;
    log.warning(
      new RdsIamError(message, {
        code: "ERR_REGION",
        detail: `Auth tokens are signed for ${region}, and a database in ${canonical.region} rejects them.`,
        hint: "Remove the Region, because the host's name contains it. Or correct the host.",
      }),
    );
  }
  if (settings.profileRegion !== undefined && settings.profileRegion !== region) {
    log.verbose(
      `the profile's Region is ${settings.profileRegion}, the database's ${region}: tokens are signed for the latter`,
    );
  }
  return region;
}

// What the RDS API is asked with the credentials of this run, where a name alone is not enough.
function questions(
  context: EndpointContext,
  run: CredentialSettings,
  credentials: (region: string) => CredentialSource,
): EndpointQuestions {
  const { env, log, waiting } = context;
  const { profileRegion } = run.settings;
  const callerIn = (region: string): AwsCaller =>
    callerOf(context, run, region, credentials(region));
  return {
    clusterEndpoint: async ({ host, region = "" }) => {
      const { clusterOfCustomEndpoint } = await import("../aws/rds-endpoints.ts");
      log.verbose(`asking the RDS API in ${region} for the cluster of the custom endpoint ${host}`);
      return waiting.for("the RDS API", clusterOfCustomEndpoint(host, callerIn(region)));
    },
    writerRegion: async ({ host }) => {
      const region = environmentRegions(env)[0] ?? profileRegion;
      if (region === undefined) return undefined;
      const { writerRegionOf } = await import("../aws/rds-endpoints.ts");
      log.verbose(`asking the RDS API in ${region} for the writer of the global database ${host}`);
      return waiting.for("the RDS API", writerRegionOf(host, callerIn(region)));
    },
  };
}

// Compares an alias with where it pointed before. Only answers of DNS are compared: a name that RDS made and a sign host
// do not come from it.
async function recognize(
  { env, home, log }: EndpointContext,
  { strictHost }: Settings,
  { alias, hops }: CanonicalHost,
): Promise<() => void> {
  const canonical = hops.at(-1);
  if (hops.length < 2 || canonical === undefined) return () => {};
  const known = await import("../rds/known-hosts.ts");
  const file = known.knownHostsFile(env, home);
  const host = { alias, canonical };
  let recognition: Recognition = { kind: "known" };
  try {
    recognition = known.recognizeHost(file, host);
  } catch (error) {
    if (strictHost !== false || !(error instanceof RdsIamError)) throw error;
    log.warning(error);
  }
  if (recognition.kind === "changed") {
    const error = known.changedHost(file, host, recognition);
    if (strictHost ?? !recognition.isWithinAccount) throw error;
    log.warning(error);
  }
  let isNew = recognition.kind === "new";
  return () => {
    if (!isNew) return;
    isNew = false;
    try {
      known.rememberHost(file, host);
      log.verbose(`remembered in ${file}: ${alias} points to ${canonical}`);
    } catch (error) {
      log.verbose(`cannot remember in ${file} where ${alias} points: ${errorCode(error)}`);
    }
  };
}
