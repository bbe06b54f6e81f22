// A database that was found in an AWS account, and how calls that may fail are made on the way.

import type { Tags } from "./tags.ts";

/** A PostgreSQL database endpoint of an AWS account. */
export interface FoundDatabase {
  readonly kind:
    | "instance"
    | "cluster"
    | "reader"
    | "custom"
    | "proxy"
    | "proxy-endpoint"
    | "dsql"
    | "redshift"
    | "redshift-serverless";
  /** A name for a target: the identifier, with `-ro` for a reader; of DSQL its Name tag, where it has one. */
  readonly name: string;
  readonly region: string;
  readonly host: string;
  readonly port: number;
  readonly dbname: string | undefined;
  /** The user that it begins with, where that one logs in with IAM. */
  readonly user?: string | undefined;
  /** Whether IAM authentication is on. */
  readonly iam: boolean;
  /** The endpoint that tokens are signed for, where that is not the host: the cluster of a custom endpoint. */
  readonly signHost: string | undefined;
  readonly tags: Tags;
}

/** Makes one kind of call; undefined when it failed, and the failure is kept, with what is left out because of it. */
export type CollectAttempt = <T>(
  action: string,
  what: string,
  call: () => Promise<T[]>,
) => Promise<T[] | undefined>;
