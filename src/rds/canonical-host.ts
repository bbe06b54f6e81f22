// From the name that was typed to the name that RDS itself uses, which is what gets signed and verified.
// CNAMEs are followed one hop at a time to the FIRST name of RDS's shape: a cluster endpoint is itself a CNAME, and a
// public instance's chain ends at ec2-..., for which no token can be signed.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html

import { isIP } from "node:net";
import { RdsIamError } from "../errors.ts";
import { type Endpoint, normalizeHost, parseEndpoint } from "./endpoint.ts";
import type { NameResolver } from "./resolver.ts";

/** Where an alias leads. */
export interface CanonicalHost {
  /** The name as it was typed, normalised. */
  readonly alias: string;
  readonly canonical: Endpoint;
  /** Every name on the way, from the alias to the canonical host. */
  readonly hops: readonly string[];
}

/** What resolving needs. */
export interface CanonicalHostOptions {
  readonly resolver: NameResolver;
  /** The Region that the user named, for names that have none. */
  readonly region: string | undefined;
  readonly now?: (() => number) | undefined;
}

const MAX_HOPS = 10;
const TIME_LIMIT_MS = 5_000;

/** Follows an alias to the RDS endpoint behind it; a name that no token can be signed for is an error. */
export async function resolveCanonicalHost(
  alias: string,
  options: CanonicalHostOptions,
): Promise<CanonicalHost> {
  const now = options.now ?? Date.now;
  const deadline = now() + TIME_LIMIT_MS;
  const hops = [normalizeHost(alias)];
  for (let name = hops[0] ?? ""; ;) {
    const endpoint = parseEndpoint(name);
    if (endpoint !== undefined) {
      checkSignable(endpoint, options.region);
      return { alias: hops[0] ?? name, canonical: endpoint, hops };
    }
    const next = isIP(name) === 0 ? await options.resolver.cname(name) : undefined;
    if (next === undefined) {
      return withoutCname(name, hops, options);
    }
    if (hops.includes(next)) {
      throw cnameError(hops, `${[...hops, next].join(" -> ")} goes round in a circle.`);
    }
    hops.push(next);
    if (hops.length > MAX_HOPS + 1) {
      throw cnameError(
        hops,
        `After ${MAX_HOPS} CNAMEs there is still no RDS name: ${hops.join(" -> ")}.`,
      );
    }
    if (now() > deadline) {
      throw cnameError(
        hops,
        `Following ${hops.join(" -> ")} took longer than ${TIME_LIMIT_MS / 1_000} seconds.`,
      );
    }
    name = next;
  }
}

async function withoutCname(
  name: string,
  hops: readonly string[],
  options: CanonicalHostOptions,
): Promise<CanonicalHost> {
  // Throws for a name that does not exist, which is another mistake than a name that is no RDS name.
  await options.resolver.addresses(name);
  if (options.region !== undefined && isIP(name) === 0) {
    // On the user's word: a partition or service name that this version does not know yet. TLS still verifies the name.
    const canonical: Endpoint = { host: name, kind: "unknown", region: undefined, dnsSuffix: "" };
    return { alias: hops[0] ?? name, canonical, hops };
  }
  const way = hops.length > 1 ? ` (${hops.join(" -> ")})` : "";
  throw new RdsIamError(`${hops[0]} is no RDS endpoint and no CNAME leads to one`, {
    code: "ERR_ENDPOINT",
    detail:
      `${name}${way} has an address but no CNAME, and a token must be signed for the name that RDS uses. ` +
      "An entry in /etc/hosts or a Route 53 alias record does not show that name.",
    hint:
      "Give the endpoint as the RDS console shows it: --host NAME.HASH.REGION.rds.amazonaws.com. " +
      "If this is how RDS itself names the database, add --region REGION.",
  });
}

function checkSignable(endpoint: Endpoint, region: string | undefined): void {
  if (endpoint.kind === "dsql") {
    throw new RdsIamError(
      `${endpoint.host} is Aurora DSQL, which this version of rdsiam does not support`,
      {
        code: "ERR_ENDPOINT",
        detail: "DSQL has tokens of its own, which differ from those of RDS.",
        hint: `Run: aws dsql generate-db-connect-auth-token --hostname ${endpoint.host} --region ${endpoint.region}`,
      },
    );
  }
  if (endpoint.kind === "custom") {
    throw new RdsIamError(
      `${endpoint.host} is a custom endpoint, which no auth token can be made for`,
      {
        code: "ERR_ENDPOINT",
        detail:
          "RDS accepts tokens for a cluster's own endpoints and for its instances, not for custom endpoints.",
        hint: "Use the cluster's endpoint (cluster-HASH), its reader (cluster-ro-HASH) or an instance: --host ENDPOINT",
      },
    );
  }
  if (endpoint.region === undefined && region === undefined) {
    throw new RdsIamError(`${endpoint.host} does not say in which Region its writer is`, {
      code: "ERR_REGION",
      detail: "It is the writer endpoint of an Aurora global database.",
      hint: "Add --region REGION with the Region of the primary cluster, or set rds_region.",
    });
  }
}

function cnameError(hops: readonly string[], detail: string): RdsIamError {
  return new RdsIamError(`cannot follow ${hops[0]} to an RDS endpoint`, {
    code: "ERR_DNS",
    detail,
    hint: "Correct the CNAME records, or give the RDS endpoint itself: --host ENDPOINT",
  });
}
