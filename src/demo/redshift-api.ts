// The stand-ins for the two Redshift APIs: one cluster, one workgroup, and passwords for both.
// https://docs.aws.amazon.com/redshift/latest/APIReference/API_GetClusterCredentialsWithIAM.html
// https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/API_GetCredentials.html
import {
  type Api,
  type ApiAnswer,
  type ApiOptions,
  type ApiRequest,
  makeDenial,
  makeFailure,
  makeJson,
  makeResult,
  makeUnknownAction,
  makeUnsignedFailure,
  startApi,
} from "./aws-api.ts";
import type { AccessKey } from "./keys.ts";
import { type IssuedLogin, issueLogin, type RedshiftOptions } from "./redshift.ts";

/** What the APIs know, and the keys that requests are verified with. */
export interface StandInRedshiftOptions extends Pick<ApiOptions, "keys" | "now"> {
  /** Requests must be signed for it; for any Region when absent. */
  readonly region?: string | undefined;
  readonly account: string;
  /** CLUSTER.HASH.REGION.redshift.amazonaws.com */
  readonly clusterHost: string;
  /** WORKGROUP.ACCOUNT.REGION.redshift-serverless.amazonaws.com */
  readonly workgroupHost: string;
  readonly port: () => number;
  readonly dbname: string;
}

/** A call that was answered with a password. */
export interface RedshiftCall {
  readonly action: string;
  readonly user: string | undefined;
  readonly database: string | undefined;
  readonly groups: readonly string[];
}

/** The running stand-ins. */
export interface RedshiftApis extends AsyncDisposable {
  readonly cluster: Api;
  readonly workgroup: Api;
  /** What was given out; a test empties it, and what was given out before is refused. */
  readonly issued: IssuedLogin[];
  readonly calls: RedshiftCall[];
  /** How the front asks for a password from now on. */
  method: RedshiftOptions["method"];
}

const WORKGROUP_ID = "1f2e3d4c-5b6a-7988-9786-a5b4c3d2e1f0";

/** Starts both on free loopback ports. */
export async function startRedshiftApis(options: StandInRedshiftOptions): Promise<RedshiftApis> {
  const { keys, now, region } = options;
  const issued: IssuedLogin[] = [];
  const calls: RedshiftCall[] = [];
  const give: Give = (user, seconds, call) => {
    const login = issueLogin(user, seconds, now?.() ?? new Date());
    issued.push(login);
    calls.push(call);
    return login;
  };
  const start = (service: string, answer: ApiOptions["answer"]): Promise<Api> =>
    startApi({ keys, now, region, service, answer });
  const cluster = await start("redshift", (request) => answerCluster(request, options, give));
  const workgroup = await start("redshift-serverless", (request) =>
    answerWorkgroup(request, options, give),
  );
  const close = async (): Promise<void> => {
    await cluster[Symbol.asyncDispose]();
    await workgroup[Symbol.asyncDispose]();
  };
  return { cluster, workgroup, issued, calls, method: "digest", [Symbol.asyncDispose]: close };
}

type Give = (
  user: Pick<IssuedLogin, "dbUser" | "role">,
  seconds: number,
  call: RedshiftCall,
) => IssuedLogin;

function answerCluster(
  { action, caller, parameters }: ApiRequest,
  { clusterHost, dbname, port }: StandInRedshiftOptions,
  give: Give,
): ApiAnswer {
  if (caller === undefined) return makeUnsignedFailure();
  const [name = ""] = clusterHost.split(".");
  const text = (key: string): string | undefined => parameters.get(key) ?? undefined;
  if (action === "DescribeClusters") {
    const Endpoint = { Address: clusterHost, Port: String(port()) };
    const Tags = { Tag: { Key: "env", Value: "prod" } };
    const Cluster = { ClusterIdentifier: name, DBName: dbname, Endpoint, Tags };
    return makeResult(action, { Clusters: { Cluster } });
  }
  const withIam = action === "GetClusterCredentialsWithIAM";
  if (!withIam && action !== "GetClusterCredentials") return makeUnknownAction(action);
  const asked = text("ClusterIdentifier");
  if (asked !== name) return makeFailure(404, "ClusterNotFound", `Cluster ${asked} not found.`);
  const seconds = Number(text("DurationSeconds") ?? 900);
  const DbUser = text("DbUser");
  if (!(seconds >= 900 && seconds <= 3600) || withIam !== (DbUser === undefined)) {
    return makeFailure(400, "InvalidParameterValue", "a parameter is missing, or out of range");
  }
  if (!mayAsk(caller, DbUser)) return makeDenial(caller, `redshift:${action}`);
  const user =
    DbUser === undefined ? identityUser(caller) : { dbUser: `IAM:${DbUser}`, role: DbUser };
  const groups = [...parameters]
    .filter(([key]) => /^DbGroups\.DbGroup\.\d+$/.test(key))
    .map(([, group]) => group);
  const call = { action, user: DbUser, database: text("DbName"), groups };
  const { dbUser, password: DbPassword, expiresAt } = give(user, seconds, call);
  return makeResult(action, { DbUser: dbUser, DbPassword, Expiration: expiresAt.toISOString() });
}

function answerWorkgroup(
  { body, caller, headers }: ApiRequest,
  { account, port, workgroupHost }: StandInRedshiftOptions,
  give: Give,
): ApiAnswer {
  if (caller === undefined) return refusal("MissingAuthenticationTokenException", "unsigned");
  const [, action = ""] = (headers.get("x-amz-target") ?? "").split("RedshiftServerless.");
  const request = JSON.parse(body) as Readonly<Record<string, unknown>>;
  const [workgroupName = "", , region] = workgroupHost.split(".");
  const workgroup = {
    workgroupName,
    workgroupId: WORKGROUP_ID,
    workgroupArn: `arn:aws:redshift-serverless:${region}:${account}:workgroup/${WORKGROUP_ID}`,
    endpoint: { address: workgroupHost, port: port() },
  };
  if (action === "ListWorkgroups") return makeJson(200, { workgroups: [workgroup] });
  if (request["workgroupName"] !== workgroupName) {
    return refusal("ResourceNotFoundException", "The workgroup does not exist.");
  }
  if (action === "GetWorkgroup") return makeJson(200, { workgroup });
  if (action !== "GetCredentials") return refusal("UnknownOperationException", action);
  if (!mayAsk(caller, undefined)) {
    const what = `User: ${caller.arn} is not authorized to perform: redshift-serverless:${action}`;
    return refusal("AccessDeniedException", what);
  }
  const { dbName } = request;
  const database = typeof dbName === "string" ? dbName : undefined;
  const call = { action, user: undefined, database, groups: [] };
  const given = give(identityUser(caller), Number(request["durationSeconds"]), call);
  const { dbUser, password: dbPassword, expiresAt } = given;
  return makeJson(200, { dbUser, dbPassword, expiration: expiresAt.getTime() / 1_000 });
}

// Whom Redshift makes a user of: a role's session is its role.
function identityUser({ arn }: AccessKey): Pick<IssuedLogin, "dbUser" | "role"> {
  const [, role] = /:assumed-role\/([^/]+)\//.exec(arn) ?? [];
  const dbUser = role === undefined ? `IAM:${arn.split("/").at(-1)}` : `IAMR:${role}`;
  return { dbUser, role: dbUser };
}

// Of the users that IAM's policy names, none is the identity itself.
function mayAsk({ databaseUsers }: AccessKey, user: string | undefined): boolean {
  return databaseUsers === undefined || (user !== undefined && databaseUsers.includes(user));
}

function refusal(type: string, message: string): ApiAnswer {
  return makeJson(400, { __type: type, message });
}
