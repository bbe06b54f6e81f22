// How the system completes a name that was typed: the search list and ndots of resolv.conf, as glibc applies them.
// https://man7.org/linux/man-pages/man5/resolv.conf.5.html

import type { Environment } from "../base/context.ts";
import { normalizeHost } from "./endpoint.ts";

/** What resolv.conf and its variables say of completing names. */
export interface SearchList {
  readonly domains: readonly string[];
  /** A name with fewer dots is completed before it is tried as it is. */
  readonly ndots: number;
  /** Whether a name without a dot is never tried as it is. */
  readonly noTldQuery: boolean;
}

const MOST_NDOTS = 15; // RES_MAXNDOTS

/** Reads the text of resolv.conf; LOCALDOMAIN and RES_OPTIONS apply on top of it, and the host's own domain without either. */
export function readSearchList(text: string, env: Environment, hostname: string): SearchList {
  let domains: readonly string[] | undefined;
  const options: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const [keyword, ...values] = words(line);
    if (keyword === "options") options.push(...values);
    // The last line of either kind applies.
    else if (keyword === "search") domains = values;
    else if (keyword === "domain") domains = values.slice(0, 1);
  }
  const localDomain = env["LOCALDOMAIN"];
  if (localDomain !== undefined) domains = words(localDomain);
  options.push(...words(env["RES_OPTIONS"] ?? ""));
  domains ??= hostname.includes(".") ? [hostname.slice(hostname.indexOf(".") + 1)] : [];
  const ndots = options.findLast((option) => /^ndots:\d+$/.test(option))?.slice("ndots:".length);
  return {
    // The network chooses the list (DHCP): only what can be in a host name is taken.
    domains: domains.map(normalizeHost).filter((domain) => /^([\w-]+(\.[\w-]+)*)?$/.test(domain)),
    ndots: Math.min(Number(ndots ?? 1), MOST_NDOTS),
    noTldQuery: options.includes("no-tld-query"),
  };
}

/** The names that a typed one may stand for, in the order in which the system's resolver tries them. */
export function searchNames(typed: string, list: SearchList): readonly string[] {
  const name = normalizeHost(typed);
  if (typed.endsWith(".")) return [name];
  const dots = name.split(".").length - 1;
  const isLast = dots < list.ndots;
  // The domain `.` is the root: the name as it is.
  const completed = list.domains.map((domain) => (domain === "" ? name : `${name}.${domain}`));
  if (!isLast) return [...new Set([name, ...completed])];
  const isTried = dots > 0 || completed.length === 0 || !list.noTldQuery;
  return [...new Set(isTried ? [...completed, name] : completed)];
}

function words(text: string): string[] {
  return text.split(/[ \t]+/).filter((word) => word !== "");
}
