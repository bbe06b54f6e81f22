// Asks DNS: one CNAME at a time, and addresses. Either of the system's resolvers, or of the servers in dns_servers; with
// those, addresses are asked there too, because a VPN's split-horizon DNS is the reason to name them.
// The system's own lookup knows /etc/hosts and the like; all else is asked with our own client, for the same answers on
// every runtime.
// https://nodejs.org/api/dns.html

import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { errorCode } from "../base/errno.ts";
import type { Address } from "../base/address.ts";
import type { Environment } from "../base/context.ts";
import { atMost, deadline, unlessAborted } from "../base/deadline.ts";
import { RdsIamError } from "../base/errors.ts";
import { askDns, queryDns } from "./dns-client.ts";
import type { DnsAnswer, RecordType } from "./dns-message.ts";
import { normalizeHost, parseEndpoint } from "./endpoint.ts";
import { readSearchList, searchNames } from "./search-list.ts";

/** What rdsiam asks of DNS; a failure that is no answer is an ERR_DNS that names host and resolver. */
export interface NameResolver {
  /** For messages: `the system's resolver`, `the DNS server 10.0.0.2`. */
  readonly description: string;
  /** A typed name as the system completes it: the first of the search list that exists, else the name itself. */
  complete(name: string): Promise<string>;
  /** The CNAME of a name, one hop; undefined when it has none, or does not exist. */
  cname(name: string): Promise<string | undefined>;
  /** All addresses of a name, at least one; that there is none, or no such name, is an error. */
  addresses(name: string): Promise<readonly Address[]>;
}

/** How typed names are completed. */
export interface SearchOptions {
  /** LOCALDOMAIN and RES_OPTIONS. */
  readonly env: Environment;
  /** A resolv.conf; the system's when absent. */
  readonly file?: string | undefined;
}

// An answer serves logins as long as it may, but not long: in a failover the name leads elsewhere within seconds.
const LONGEST_REUSE = 1_000; // ms
const LOOKUP_TIMEOUT_MS = 4_000; // the system asks all its servers, more than once
const CNAME_PATIENCE_MS = 300; // until the addresses are asked for as well
const NO_ANSWER = new Set(["ENODATA", "ENOTFOUND"]);
const RESOLV_CONF = "/etc/resolv.conf";

interface CachedAddresses {
  readonly addresses: readonly Address[];
  readonly until: number;
}

// What DNS has for a name, one hop.
interface Hop {
  readonly cname?: string | undefined;
  /** Whether the name has a CNAME, or an address. */
  readonly exists: boolean;
}

/** The resolver for a list of DNS servers (IP or IP:PORT), or the system's for an empty one; without `search` names are complete. */
export function nameResolver(servers: readonly string[], search?: SearchOptions): NameResolver {
  const list = servers.join(", ");
  const description = servers.length === 0 ? "the system's resolver" : `the DNS server ${list}`;
  const cached = new Map<string, CachedAddresses>();
  const links = new Map<string, Promise<Hop>>();
  const candidates = (name: string): readonly string[] =>
    search === undefined || parseEndpoint(name) !== undefined
      ? [normalizeHost(name)]
      : completions(name, search);
  const failed = (name: string, error: unknown): RdsIamError =>
    dnsError({
      name: normalizeHost(name),
      description,
      error,
      tried: candidates(name),
      isOwn: servers.length > 0,
    });
  // Asked once: the name that was completed is the first of a chain.
  const link = (name: string): Promise<Hop> => {
    const found = links.get(name) ?? findLink(servers, name);
    links.set(name, found);
    return found;
  };
  return {
    description,
    async complete(name) {
      const names = candidates(name);
      for (const each of names.length > 1 ? names : []) {
        try {
          if ((await link(each)).exists) return each;
        } catch (error) {
          // As glibc: a server that fails for one domain of the list may know the next.
          if (dnsCode(error) !== "ESERVFAIL") throw failed(name, error);
        }
      }
      return normalizeHost(name);
    },
    async cname(name) {
      try {
        const { cname } = await link(name);
        return cname === undefined ? undefined : readName(cname, name);
      } catch (error) {
        throw error instanceof RdsIamError ? error : failed(name, error);
      }
    },
    async addresses(name) {
      const family = isIP(name);
      if (family === 4 || family === 6) {
        return [{ address: name, family }];
      }
      try {
        // No server has this machine's own name: RFC 6761, 6.3.
        if (normalizeHost(name) === "localhost") return await systemAddresses("localhost");
        if (servers.length === 0) return await systemAddresses(name);
        const known = cached.get(name);
        if (known !== undefined && performance.now() < known.until) return known.addresses;
        const answer = await firstAddresses(servers, candidates(name));
        cached.set(name, answer);
        return answer.addresses;
      } catch (error) {
        throw failed(name, error);
      }
    },
  };
}

function completions(name: string, search: SearchOptions): readonly string[] {
  let text = "";
  try {
    text = readFileSync(search.file ?? RESOLV_CONF, "utf8");
  } catch {
    // Windows has none, and one that cannot be read completes nothing.
  }
  return searchNames(name, readSearchList(text, search.env, hostname()));
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

// One hop: the CNAME that is asked for, or the first one in the answers for addresses. Resolvers that know A and AAAA alone
// answer the former with NOTIMP, with no record or not at all, and the latter with the whole chain.
async function findLink(servers: readonly string[], name: string): Promise<Hop> {
  const asked = await serversOf(servers);
  const found = new AbortController();
  const ask = async (type: RecordType): Promise<DnsAnswer> => {
    const answer = await askDns(asked, { name, type }, found.signal);
    if (answer.cname !== undefined) found.abort();
    return answer;
  };
  const first = ask("CNAME");
  await atMost(
    CNAME_PATIENCE_MS,
    first.catch(() => {}),
  );
  const questions = found.signal.aborted ? [first] : [first, ask("A"), ask("AAAA")];
  const results = await Promise.allSettled(questions);
  const answers = results.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  // Throws what is wrong with the server.
  if (answers.length === 0) await questions.at(1);
  const cname = answers.find((answer) => answer.cname !== undefined)?.cname;
  return { cname, exists: cname !== undefined || answers.some(({ data }) => data.length > 0) };
}

async function serversOf(servers: readonly string[]): Promise<readonly string[]> {
  return servers.length > 0 ? servers : (await import("node:dns")).getServers();
}

// The addresses of the first name that has some.
async function firstAddresses(
  servers: readonly string[],
  names: readonly string[],
): Promise<CachedAddresses> {
  const reasons: unknown[] = [];
  for (const name of names) {
    try {
      return await serverAddresses(servers, name);
    } catch (error) {
      reasons.push(error);
      if (!NO_ANSWER.has(dnsCode(error)) && dnsCode(error) !== "ESERVFAIL") break;
    }
  }
  throw mainReason(reasons);
}

// A failure is more of a cause than that there is no such name or record.
function mainReason(reasons: readonly unknown[]): unknown {
  return (
    reasons.find((reason) => !NO_ANSWER.has(dnsCode(reason))) ?? reasons[0] ?? withCode("ENODATA")
  );
}

async function serverAddresses(servers: readonly string[], name: string): Promise<CachedAddresses> {
  const asked = performance.now();
  const ask = async (type: RecordType, family: Address["family"]) => {
    const { data, ttl } = await queryDns(servers, name, type);
    return { addresses: data.map((address) => ({ address, family })), ttl };
  };
  const results = await Promise.allSettled([ask("A", 4), ask("AAAA", 6)]);
  const answers = results.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  if (answers.length === 0) {
    throw mainReason(
      results.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : [])),
    );
  }
  return {
    addresses: answers.toReversed().flatMap(({ addresses }) => addresses),
    until: asked + Math.min(LONGEST_REUSE, ...answers.map(({ ttl }) => ttl * 1_000)),
  };
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
  /** The names that were asked for. */
  readonly tried: readonly string[];
  readonly isOwn: boolean;
}

function dnsError({ name, description, error, tried, isOwn }: Failure): RdsIamError {
  const code = dnsCode(error);
  if (code === "ENOTFOUND") {
    const hint = isOwn
      ? "Check the name, and rds_dns_servers."
      : "Check the name, and the VPN: the name may be in a private zone.";
    return new RdsIamError(`host ${name} does not exist`, {
      code: "ERR_DNS",
      detail: `Resolver used: ${description}.${tried.length > 1 ? ` Names tried: ${tried.join(", ")}.` : ""}`,
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
      ? "Check rds_dns_servers and the VPN."
      : "Check the network and the VPN, or set rds_dns_servers.",
    cause: error,
  });
}
