// Asks DNS: one CNAME at a time, and addresses. Either of the system's resolvers, or of the servers in dns_servers; with
// those, addresses are asked there too, because a VPN's split-horizon DNS is the reason to name them.
// The system's own lookup knows /etc/hosts and the like; all else is asked with our own client, for the same answers on
// every runtime.
// https://nodejs.org/api/dns.html

import { isIP } from "node:net";
import { errorCode } from "../base/errno.ts";
import type { Address } from "../base/address.ts";
import { deadline, unlessAborted } from "../base/deadline.ts";
import { RdsIamError } from "../base/errors.ts";
import type { DnsAnswer, RecordType } from "./dns-message.ts";
import { normalizeHost } from "./endpoint.ts";

/** What rdsiam asks of DNS; a failure that is no answer is an ERR_DNS that names host and resolver. */
export interface NameResolver {
  /** For messages: `the system's resolver`, `the DNS server 10.0.0.2`. */
  readonly description: string;
  /** The CNAME of a name, one hop; undefined when it has none, or does not exist. */
  cname(name: string): Promise<string | undefined>;
  /** All addresses of a name, at least one; that there is none, or no such name, is an error. */
  addresses(name: string): Promise<readonly Address[]>;
}

// An answer serves logins as long as it may, but not long: in a failover the name leads elsewhere within seconds.
const LONGEST_REUSE = 1_000; // ms
const LOOKUP_TIMEOUT_MS = 4_000; // the system asks all its servers, more than once
const NO_ANSWER = new Set(["ENODATA", "ENOTFOUND"]);

interface Heard {
  readonly addresses: readonly Address[];
  readonly until: number;
}

/** The resolver for a list of DNS servers (IP or IP:PORT), or the system's for an empty one. */
export function nameResolver(servers: readonly string[]): NameResolver {
  const list = servers.join(", ");
  const description = servers.length === 0 ? "the system's resolver" : `the DNS server ${list}`;
  const heard = new Map<string, Heard>();
  const failed = (name: string, error: unknown) =>
    dnsError({ name, description, error, isOwn: servers.length > 0 });
  return {
    description,
    async cname(name) {
      let names: readonly string[];
      try {
        names = (await askServers(servers, name, "CNAME")).data;
      } catch (error) {
        if (NO_ANSWER.has(dnsCode(error))) {
          return undefined;
        }
        throw failed(name, error);
      }
      return names[0] === undefined ? undefined : readName(names[0], name);
    },
    async addresses(name) {
      const family = isIP(name);
      if (family === 4 || family === 6) {
        return [{ address: name, family }];
      }
      try {
        if (servers.length === 0) return await systemAddresses(name);
        const known = heard.get(name);
        if (known !== undefined && performance.now() < known.until) return known.addresses;
        const answer = await serverAddresses(servers, name);
        heard.set(name, answer);
        return answer.addresses;
      } catch (error) {
        throw failed(name, error);
      }
    },
  };
}

// A label in DNS may hold any byte; here it would reach a terminal, a file and a signature.
function readName(answer: string, name: string): string {
  if (!/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?$/.test(answer) || answer.length > 254) {
    throw new RdsIamError(`the CNAME of ${name} is not a valid host name`, {
      code: "ERR_DNS",
      detail: "It has characters that are not allowed in host names.",
      hint: "Correct the CNAME record, or give the RDS endpoint itself: {--host} ENDPOINT",
    });
  }
  return normalizeHost(answer);
}

async function systemAddresses(name: string): Promise<readonly Address[]> {
  const { lookup } = await import("node:dns/promises");
  using limit = deadline(LOOKUP_TIMEOUT_MS, () => withCode("ETIMEOUT"));
  const found = await unlessAborted(lookup(name, { all: true }), limit.signal);
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
}

// Loaded when there is a question: a tool starts sooner than the name of an RDS endpoint is looked up.
async function askServers(
  servers: readonly string[],
  name: string,
  type: RecordType,
): Promise<Pick<DnsAnswer, "data" | "ttl">> {
  const { queryDns } = await import("./dns-client.ts");
  if (servers.length > 0) return queryDns(servers, name, type);
  const { getServers } = await import("node:dns");
  return queryDns(getServers(), name, type);
}

async function serverAddresses(servers: readonly string[], name: string): Promise<Heard> {
  const asked = performance.now();
  const [v4, v6] = await Promise.allSettled([
    askServers(servers, name, "A"),
    askServers(servers, name, "AAAA"),
  ]);
  const found: Address[] = [
    ...(v6.status === "fulfilled" ? v6.value.data : []).map((address) => ({
      address,
      family: 6 as const,
    })),
    ...(v4.status === "fulfilled" ? v4.value.data : []).map((address) => ({
      address,
      family: 4 as const,
    })),
  ];
  if (found.length > 0) {
    const ttls = [v4, v6].map((each) =>
      each.status === "fulfilled" ? each.value.ttl * 1_000 : LONGEST_REUSE,
    );
    return { addresses: found, until: asked + Math.min(LONGEST_REUSE, ...ttls) };
  }
  // One family's silence is more of a cause than the other's "there is none".
  const reasons: Error[] = [v4, v6].flatMap((each) =>
    each.status === "rejected" ? [each.reason as Error] : [],
  );
  throw (
    reasons.find((reason) => !NO_ANSWER.has(dnsCode(reason))) ?? reasons[0] ?? withCode("ENODATA")
  );
}

function withCode(code: string): Error {
  return Object.assign(new Error(code), { code });
}

function dnsCode(error: unknown): string {
  // Bun and Deno prefix some codes as c-ares does ("DNS_ENOTFOUND").
  return errorCode(error, "").replace(/^DNS_/, "");
}

interface Failure {
  readonly name: string;
  readonly description: string;
  readonly error: unknown;
  readonly isOwn: boolean;
}

function dnsError({ name, description, error, isOwn }: Failure): RdsIamError {
  const code = dnsCode(error);
  if (code === "ENOTFOUND") {
    const hint = isOwn
      ? "Check the name, and dns_servers."
      : "Check the name, and the VPN: the name may be in a private zone.";
    return new RdsIamError(`host ${name} does not exist`, {
      code: "ERR_DNS",
      detail: `Resolver used: ${description}.`,
      hint,
      cause: error,
    });
  }
  if (code === "ENODATA") {
    return new RdsIamError(`host ${name} has no address`, {
      code: "ERR_DNS",
      detail: `The name exists for ${description}, but without an A or AAAA record.`,
      hint: "Check the name: the database may be being created or deleted.",
      cause: error,
    });
  }
  const why = /^(ETIMEOUT|ETIMEDOUT|ECANCELLED|EAI_AGAIN)$/.test(code)
    ? "gave no answer in time"
    : `failed (${code || "no code"})`;
  return new RdsIamError(`cannot look up host ${name}`, {
    code: "ERR_DNS",
    detail: `Resolver used: ${description}, which ${why}.`,
    hint: isOwn
      ? "Check dns_servers and the VPN."
      : "Check the network and the VPN, or set rds_dns_servers.",
    cause: error,
  });
}
