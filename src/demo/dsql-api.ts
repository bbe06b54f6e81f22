// The stand-in for the Aurora DSQL API, for programs that list clusters.
// https://docs.aws.amazon.com/aurora-dsql/latest/APIReference/API_ListClusters.html
import { type Api, type ApiOptions, makeJson, startApi } from "./aws-api.ts";

/** A cluster of the stand-in. */
export interface DsqlCluster {
  /** ID.dsql.REGION.on.aws */
  readonly endpoint: string;
  readonly arn: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** The clusters, and the keys that requests are verified with. */
export interface StandInDsqlOptions extends Pick<ApiOptions, "keys" | "now"> {
  readonly clusters: readonly DsqlCluster[];
  /** Whether IAM policy allows no call. */
  readonly isDenied?: boolean | undefined;
}

/** Starts the stand-in for the DSQL API on a free loopback port. */
export async function startDsqlApi(options: StandInDsqlOptions): Promise<Api> {
  const { clusters, isDenied = false, keys, now } = options;
  const all = clusters.map((cluster) => ({
    ...cluster,
    identifier: cluster.endpoint.split(".", 1)[0],
    status: "ACTIVE",
    creationTime: 1_767_225_600,
    deletionProtectionEnabled: true,
  }));
  return await startApi({
    service: "dsql",
    keys,
    now,
    answer: ({ caller, path }) => {
      if (caller === undefined) return makeJson(403, { message: "Missing Authentication Token" });
      if (isDenied)
        return makeJson(403, { __type: "AccessDeniedException", message: "not authorized" });
      if (path === "/cluster") {
        return makeJson(200, { clusters: all.map(({ arn, identifier }) => ({ arn, identifier })) });
      }
      const found = all.find(({ identifier }) => path === `/cluster/${identifier}`);
      return found === undefined ? makeJson(404, { message: "not found" }) : makeJson(200, found);
    },
  });
}
