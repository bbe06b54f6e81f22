// Follows the typed name to the name that RDS itself uses, which is what gets signed and verified.
// CNAMEs are followed one hop at a time to the FIRST name of RDS's shape: a cluster endpoint is itself a CNAME, and a
// public instance's chain ends at ec2-..., for which no token can be signed.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html

import { isIPv4, isIPv6 } from "node:net";
import { RdsIamError } from "../base/errors.ts";
import { partitionOf, REGION } from "../base/partitions.ts";
import { type Endpoint, isSameAccount, normalizeHost, parseEndpoint } from "./endpoint.ts";
import type { NameResolver } from "./resolver.ts";

/** What an alias resolves to. */
export interface CanonicalHost {
  /** The name as it was typed, normalised. */
  readonly alias: string;
  /** What is signed and verified; a global endpoint has its writer's Region here, once it is known. */
  readonly canonical: Endpoint;
  /** Every name from the alias to the RDS endpoint behind it; the second one is the completed alias, where it was completed. */
  readonly hops: readonly string[];
  /** The name whose addresses are dialed: the RDS endpoint, or the typed name where a sign host was given. */
  readonly dialed: string;
}

/** What a name alone does not show; the answers come from AWS's API. */
export interface EndpointQuestions {
  /** The endpoint of the cluster that a custom endpoint belongs to. */
  readonly clusterEndpoint: (custom: Endpoint) => Promise<string>;
  /** The Region in which a global database has its writer; undefined where there is no Region for the call. */
  readonly writerRegion: (global: Endpoint) => Promise<string | undefined>;
}

/** What resolving needs. */
export interface CanonicalHostOptions {
  readonly resolver: NameResolver;
  /** The Region that the user named, for names that have none. */
  readonly region: string | undefined;
  /** The canonical host on the user's word: no CNAME is followed then. */
  readonly signHost?: string | undefined;
  /** Without it, a custom endpoint and a global one without a Region are errors. */
  readonly questions?: EndpointQuestions | undefined;
  readonly now?: (() => number) | undefined;
}

const MAX_HOPS = 10;
const TIME_LIMIT_MS = 5_000;

/** Follows an alias to the RDS endpoint behind it; a name that no token can be signed for is an error. */
export async function resolveCanonicalHost(
  alias: string,
  options: CanonicalHostOptions,
): Promise<CanonicalHost> {
  const typed = normalizeHost(alias);
  if (options.signHost !== undefined) {
    const canonical = await signable(namedEndpoint(options.signHost, options.region), options);
    return { alias: typed, canonical, hops: [typed], dialed: typed };
  }
  const hops = [typed];
  const endpoint = await followCnames(alias, hops, options);
  const dialed = endpoint.host;
  return { alias: typed, canonical: await signable(endpoint, options), hops, dialed };
}

function namedEndpoint(signHost: string, region: string | undefined): Endpoint {
  const endpoint = parseEndpoint(signHost);
  if (endpoint === undefined && region === undefined) {
    throw new RdsIamError(`the sign host ${signHost} is not an RDS endpoint`, {
      code: "ERR_ENDPOINT",
      detail: "A token is signed for the name that RDS itself uses, and in its Region.",
      hint: "Give the endpoint as the RDS console shows it; if it is one already, add {--region} REGION.",
    });
  }
  return endpoint ?? unknownEndpoint(normalizeHost(signHost));
}

// Adds each name to `hops`, which begin with the typed one.
async function followCnames(
  alias: string,
  hops: string[],
  options: CanonicalHostOptions,
): Promise<Endpoint> {
  const { now = Date.now, resolver } = options;
  const deadline = now() + TIME_LIMIT_MS;
  if (isName(alias)) {
    const completed = await resolver.complete(alias);
    if (completed !== hops[0]) hops.push(completed);
  }
  for (let cnames = 0; ; cnames += 1) {
    const name = hops.at(-1) ?? "";
    const endpoint = parseEndpoint(name);
    if (endpoint !== undefined) {
      return endpoint;
    }
    const next = isName(name) ? await resolver.cname(name) : undefined;
    if (next === undefined) {
      return withoutCname(alias, hops, options);
    }
    const chain = [...hops, next].join(" -> ");
    if (hops.includes(next)) {
      throw cnameError(hops, `${chain} is a loop.`);
    }
    if (cnames >= MAX_HOPS) {
      throw cnameError(hops, `After ${MAX_HOPS} CNAMEs there is still no RDS name: ${chain}.`);
    }
    if (now() > deadline) {
      const limit = `${TIME_LIMIT_MS / 1_000} seconds`;
      throw cnameError(hops, `Following ${chain} took longer than ${limit}.`);
    }
    hops.push(next);
  }
}

// Only a name that was typed may be of unknown kind: the end of a chain is what DNS says, and would be signed and verified.
async function withoutCname(
  alias: string,
  hops: readonly string[],
  { region, resolver }: CanonicalHostOptions,
): Promise<Endpoint> {
  const [typed = ""] = hops;
  const name = hops.at(-1) ?? typed;
  const isTyped = hops.length === 1;
  // Throws for a name that does not exist, which is another mistake than a name that is not RDS's.
  await resolver.addresses(isTyped ? alias : name);
  if (isTyped && region !== undefined && isName(name)) {
    // A partition or service name that this version does not know yet. TLS still verifies the name.
    return unknownEndpoint(name);
  }
  const chain = isTyped ? "" : ` (${hops.join(" -> ")})`;
  const otherwise = isTyped
    ? "If this is how RDS itself names the database, add {--region} REGION."
    : `If ${typed} is how RDS itself names the database: {--sign-host} ${typed} {--region} REGION.`;
  throw new RdsIamError(`${typed} is not an RDS endpoint, and no CNAME points to one`, {
    code: "ERR_ENDPOINT",
    detail:
      `${name}${chain} has an address but no CNAME, and a token must be signed for the name that RDS uses. ` +
      (isTyped
        ? "An entry in /etc/hosts or a Route 53 alias record does not show that name."
        : "DNS must not choose the name that is signed and verified, even with a Region."),
    hint:
      "Give the endpoint as the RDS console shows it: {--host} NAME.HASH.REGION.rds.amazonaws.com. " +
      "To dial this name all the same, name the endpoint behind it: {--sign-host} ENDPOINT or rds_sign_host. " +
      otherwise,
  });
}

function unknownEndpoint(host: string): Endpoint {
  return { host, kind: "unknown", region: undefined, hash: undefined, dnsSuffix: "" };
}

function isRegionOf(region: string, { dnsSuffix }: Endpoint): boolean {
  return REGION.test(region) && partitionOf(region).dnsSuffix === dnsSuffix;
}

// The endpoint that tokens are signed for.
async function signable(endpoint: Endpoint, options: CanonicalHostOptions): Promise<Endpoint> {
  const { region, questions } = options;
  if (endpoint.kind === "custom") {
    const answer = await questions?.clusterEndpoint(endpoint);
    const cluster = answer === undefined ? undefined : parseEndpoint(answer);
    // The answer comes from the network: it cannot name another account's database.
    if (cluster?.kind === "cluster" && isSameAccount(cluster, endpoint)) return cluster;
    throw new RdsIamError(
      `${endpoint.host} is a custom endpoint, for which RDS accepts no auth token`,
      {
        code: "ERR_ENDPOINT",
        detail:
          "RDS accepts tokens for a cluster's own endpoints and for its instances, not for custom endpoints.",
        hint: "Name the cluster's endpoint (NAME.cluster-HASH...) to sign for: {--sign-host} ENDPOINT or rds_sign_host.",
      },
    );
  }
  if (endpoint.kind === "global" && region === undefined) {
    const found = await questions?.writerRegion(endpoint);
    if (found !== undefined && isRegionOf(found, endpoint)) return { ...endpoint, region: found };
    throw new RdsIamError(`${endpoint.host} does not show in which Region its writer is`, {
      code: "ERR_REGION",
      detail: "It is the writer endpoint of an Aurora global database.",
      hint: "Add {--region} REGION with the Region of the primary cluster, or set rds_region.",
    });
  }
  return endpoint;
}

function cnameError(hops: readonly string[], detail: string): RdsIamError {
  return new RdsIamError(`cannot follow ${hops[0]} to an RDS endpoint`, {
    code: "ERR_DNS",
    detail,
    hint: "Correct the CNAME records, or give the RDS endpoint itself: {--host} ENDPOINT",
  });
}

// In this order: Node 20 takes 5 ms for its first look at what might be an IPv6 address.
function isName(host: string): boolean {
  return !isIPv4(host) && !(host.includes(":") && isIPv6(host));
}
