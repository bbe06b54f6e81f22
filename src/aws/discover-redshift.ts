// The Redshift clusters and workgroups of an account, for what lists its databases.
// https://docs.aws.amazon.com/redshift/latest/APIReference/API_DescribeClusters.html
// https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/API_ListWorkgroups.html

import { REDSHIFT_PORT } from "../base/redshift.ts";
import type { CollectAttempt, FoundDatabase } from "./found-database.ts";
import type { AwsCaller } from "./rds-client.ts";
import { elements, jsonCall, queryCall, text } from "./signed-call.ts";

/** The clusters and workgroups of a Region that have an endpoint. */
export async function findRedshift(
  caller: AwsCaller,
  attempt: CollectAttempt,
): Promise<readonly FoundDatabase[]> {
  const { region } = caller;
  const clusters = await attempt("DescribeClusters", "Redshift clusters", () =>
    describeClusters(caller),
  );
  const workgroups = await attempt("ListWorkgroups", "Redshift workgroups", () =>
    listWorkgroups(caller),
  );
  return [...(clusters ?? []), ...(workgroups ?? [])].flatMap((found) => {
    const { host, name } = found;
    if (host === undefined || name === undefined) return [];
    const ours = { region, iam: true, signHost: undefined };
    return [{ ...found, ...ours, host, name }];
  });
}

type Found = Pick<FoundDatabase, "dbname" | "kind" | "port" | "tags"> & {
  readonly name: string | undefined;
  /** Undefined for one that is being made. */
  readonly host: string | undefined;
};

async function describeClusters(caller: AwsCaller): Promise<Found[]> {
  const found: Found[] = [];
  let marker: string | undefined;
  do {
    const words: Record<string, string> = marker === undefined ? {} : { Marker: marker };
    const call = { service: "redshift", action: "DescribeClusters" } as const;
    const page = await queryCall(caller, call, words);
    for (const cluster of elements(page, "DescribeClustersResult", "Clusters", "Cluster")) {
      const tags = elements(cluster, "Tags", "Tag").map(
        (tag) => [text(tag, "Key") ?? "", text(tag, "Value") ?? ""] as const,
      );
      found.push({
        kind: "redshift",
        name: text(cluster, "ClusterIdentifier"),
        host: text(cluster, "Endpoint", "Address"),
        port: Number(text(cluster, "Endpoint", "Port") ?? REDSHIFT_PORT),
        dbname: text(cluster, "DBName"),
        tags: [Object.fromEntries(tags)],
      });
    }
    marker = text(page, "DescribeClustersResult", "Marker") || undefined;
  } while (marker !== undefined);
  return found;
}

// The database's name is the namespace's, and tags take a call for each.
async function listWorkgroups(caller: AwsCaller): Promise<Found[]> {
  const found: Found[] = [];
  let nextToken: string | undefined;
  do {
    const call = { service: "redshift-serverless", action: "ListWorkgroups" } as const;
    const page = await jsonCall(caller, call, { nextToken });
    for (const workgroup of elements(page, "workgroups")) {
      const [endpoint = {}] = elements(workgroup, "endpoint");
      const { port } = endpoint;
      found.push({
        kind: "redshift-serverless",
        name: text(workgroup, "workgroupName"),
        host: text(endpoint, "address"),
        port: typeof port === "number" ? port : REDSHIFT_PORT,
        dbname: undefined,
        tags: undefined,
      });
    }
    nextToken = text(page, "nextToken");
  } while (nextToken !== undefined);
  return found;
}
