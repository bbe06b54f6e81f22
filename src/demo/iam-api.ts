// The stand-in for AWS IAM: the inline policies of its role and its user, and SimulatePrincipalPolicy. What a policy allows, the
// gateway's tokens may do from then on.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
import {
  type Api,
  type ApiAnswer,
  type ApiOptions,
  makeDenial,
  makeFailure,
  makeResult,
  makeUnknownAction,
  makeUnsignedFailure,
  startApi,
} from "./aws-api.ts";
import type { Role } from "./sts.ts";

/** The roles by their ARNs, and the names of the users. */
export interface StandInIamOptions extends Pick<ApiOptions, "keys" | "now"> {
  readonly roles: Map<string, Role>;
  readonly users: readonly string[];
}

/** The running stand-in. */
export interface IamApi extends Api {
  /** The documents, by `Role NAME POLICY` or `User NAME POLICY`. */
  readonly policies: Map<string, string>;
  /** The actions that are not allowed. */
  readonly denied: Set<string>;
  /** The actions that were answered. */
  readonly calls: string[];
}

/** Starts the stand-in on a free loopback port. */
export async function startIamApi(options: StandInIamOptions): Promise<IamApi> {
  const { keys, now, roles, users } = options;
  const isThere = (kind: "Role" | "User", name: string): boolean =>
    kind === "User" ? users.includes(name) : [...roles.keys()].some((arn) => isNamed(arn, name));
  const allow = (name: string, databaseUser: string): void => {
    keys.allow(name, databaseUser);
    for (const [arn, role] of roles) {
      if (!isNamed(arn, name) || role.databaseUsers === undefined) continue;
      roles.set(arn, { ...role, databaseUsers: [...role.databaseUsers, databaseUser] });
    }
  };
  const policies = new Map<string, string>();
  const denied = new Set<string>();
  const calls: string[] = [];
  const ofPrincipal = (action: string, parameters: URLSearchParams): ApiAnswer => {
    const [, verb, kind, isPolicy] = /^(Get|Put)(Role|User)(Policy)?$/.exec(action) ?? [];
    if (kind !== "Role" && kind !== "User") return makeUnknownAction(action);
    const name = parameters.get(`${kind}Name`) ?? "";
    const policy = parameters.get("PolicyName") ?? "";
    if (!isThere(kind, name)) {
      return noSuch(`The ${kind.toLowerCase()} with name ${name} cannot be found.`);
    }
    if (isPolicy === undefined) return makeResult(action, { [kind]: { [`${kind}Name`]: name } });
    const key = `${kind} ${name} ${policy}`;
    if (verb === "Put") {
      const document = parameters.get("PolicyDocument") ?? "";
      policies.set(key, document);
      const [, user] = /dbuser:[^/"]+\/([^"]+)"/.exec(document) ?? [];
      if (user !== undefined) allow(name, user.replaceAll(/\$\{([*?$])\}/g, "$1"));
      return makeResult(action, {});
    }
    const document = policies.get(key);
    if (document === undefined) {
      return noSuch(`The ${kind.toLowerCase()} policy with name ${policy} cannot be found.`);
    }
    const PolicyDocument = encodeURIComponent(document);
    return makeResult(action, { [`${kind}Name`]: name, PolicyName: policy, PolicyDocument });
  };
  const simulate = (action: string, parameters: URLSearchParams): ApiAnswer => {
    const source = parameters.get("PolicySourceArn") ?? "";
    const resource = parameters.get("ResourceArns.member.1") ?? "";
    const [, user = ""] = /dbuser:[^/]+\/(.*)$/.exec(resource) ?? [];
    const own = keys.all().filter(({ arn }) => arn === source);
    const isAllowed = own.some(
      ({ databaseUsers }) => databaseUsers === undefined || databaseUsers.includes(user),
    );
    const EvalDecision = isAllowed ? "allowed" : "implicitDeny";
    return makeResult(action, { EvaluationResults: { member: { EvalDecision } } });
  };
  const api = await startApi({
    service: "iam",
    keys,
    now,
    answer: ({ action, caller, parameters }) => {
      if (caller === undefined) return makeUnsignedFailure();
      if (denied.has(action)) return makeDenial(caller, `iam:${action}`);
      calls.push(action);
      return action === "SimulatePrincipalPolicy"
        ? simulate(action, parameters)
        : ofPrincipal(action, parameters);
    },
  });
  return { ...api, calls, denied, policies };
}

function isNamed(arn: string, name: string): boolean {
  return arn.endsWith(`/${name}`);
}

function noSuch(message: string): ApiAnswer {
  return makeFailure(404, "NoSuchEntity", message);
}
