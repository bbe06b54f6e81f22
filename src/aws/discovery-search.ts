// What the parts of a discovery have in common: what is found, and how a call is made whose failure is only a warning.

import type { RDSClient, Tag } from "@aws-sdk/client-rds";

/** A PostgreSQL database endpoint of an AWS account. */
export interface FoundDatabase {
  readonly kind: "instance" | "cluster" | "reader" | "custom" | "proxy" | "proxy-endpoint";
  /** A name for a target: the identifier, with `-ro` for a reader. */
  readonly name: string;
  readonly region: string;
  readonly host: string;
  readonly port: number;
  readonly dbname: string | undefined;
  /** Whether IAM authentication is on. */
  readonly iam: boolean;
  /** What tokens are signed for, where that is not the host: the cluster of a custom endpoint. */
  readonly signHost: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

/** What is looked for. */
export interface DiscoveryOptions {
  /** Whether tags count: those of proxies cost a call each. */
  readonly withTags: boolean;
}

/** PostgreSQL's own port, which RDS takes where nobody says another, and RDS Proxy always. */
export const DEFAULT_PORT = 5432;

/** Makes one kind of call; a failure is kept, with what is left out because of it, and nothing is found. */
export type Ask = <T>(action: string, what: string, call: () => Promise<T[]>) => Promise<T[]>;

/** A search in one Region. */
export interface Search {
  readonly client: RDSClient;
  readonly region: string;
  readonly ask: Ask;
}

/** AWS's list of tags as an object. */
export function tagsOf(tags: readonly Tag[] = []): Readonly<Record<string, string>> {
  return Object.fromEntries(tags.map(({ Key = "", Value = "" }) => [Key, Value]));
}
