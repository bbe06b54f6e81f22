// The inline policies of an IAM role or user: one is read, and written; and whether an identity may do something.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html

import { RdsIamError } from "../base/errors.ts";
import { partitionOf } from "../base/partitions.ts";
import type { PolicyDocument } from "./connect-policy.ts";
import { type AwsCaller, rdsError } from "./rds-client.ts";
import { readError } from "./sdk-error.ts";
import { type AnswerNode, elements, queryCall, text } from "./signed-call.ts";

const WAYS =
  "Without it, leave --attach-policy out, and ask an administrator to attach the printed policy.";

/** An IAM role or user. */
export interface IamIdentity {
  readonly kind: "Role" | "User";
  readonly name: string;
}

/**
 * Reads ROLE|USER: role/NAME, user/NAME, an ARN, or a name alone, which IAM is asked about; `account` is the caller's own, the only
 * one that IAM writes policies in.
 */
export async function findIdentity(
  given: string,
  caller: AwsCaller,
  account: string | undefined,
): Promise<IamIdentity> {
  const [, where = account, word, name = ""] =
    /^(?:arn:[\w-]+:iam::(\d{12}):)?(role|user)\/(?:\S*\/)?([\w+=,.@-]{1,64})$/.exec(given) ?? [];
  if (word !== undefined) {
    if (account !== undefined && where !== account) throw elsewhere(given, account);
    const identity = checked({ kind: word === "role" ? "Role" : "User", name });
    if (!(await mayBeThere(identity, caller))) throw missing(identity);
    return identity;
  }
  if (!/^[\w+=,.@-]{1,64}$/.test(given)) {
    throw new RdsIamError(`"${given}" is not an IAM role or user`, {
      code: "ERR_USAGE",
      hint: "Write role/NAME, user/NAME, the ARN, or the name alone.",
    });
  }
  for (const each of ["Role", "User"] as const) {
    const answer = await ask(caller, `Get${each}`, { [`${each}Name`]: given });
    if (answer !== undefined) return checked({ kind: each, name: given });
  }
  throw new RdsIamError(`there is no role or user "${given}"`, {
    code: "ERR_TARGET",
    detail: "IAM has neither.",
    hint: "Check the name and the account, or write its ARN.",
  });
}

// A caller who may not ask that may still write.
async function mayBeThere({ kind, name }: IamIdentity, caller: AwsCaller): Promise<boolean> {
  try {
    return (await ask(caller, `Get${kind}`, { [`${kind}Name`]: name })) !== undefined;
  } catch (error) {
    if (error instanceof RdsIamError) return true;
    throw error;
  }
}

function elsewhere(given: string, account: string): RdsIamError {
  return new RdsIamError(`${given} is not in account ${account}`, {
    code: "ERR_USAGE",
    detail:
      "The credentials are for that account, and IAM attaches policies to roles and users of its own account only.",
    hint: "Name a role or user of that account, or credentials for the other one: --profile NAME.",
  });
}

function missing({ kind, name }: IamIdentity): RdsIamError {
  return new RdsIamError(`there is no ${kind.toLowerCase()} "${name}"`, {
    code: "ERR_TARGET",
    hint: "Check the name and the account.",
  });
}

function checked(identity: IamIdentity): IamIdentity {
  if (!identity.name.startsWith("AWSReservedSSO_")) return identity;
  throw new RdsIamError(`${identity.name} cannot be given a policy`, {
    code: "ERR_USAGE",
    detail: "It belongs to IAM Identity Center, which creates it from a permission set.",
    hint: "Leave --attach-policy out, and add the policy that is printed to the permission set.",
  });
}

/** The text of an inline policy; undefined where there is none of that name. */
export async function readPolicy(
  { kind, name }: IamIdentity,
  policy: string,
  caller: AwsCaller,
): Promise<string | undefined> {
  const answer = await ask(caller, `Get${kind}Policy`, {
    [`${kind}Name`]: name,
    PolicyName: policy,
  });
  const document = text(answer, "PolicyDocument");
  return document === undefined ? undefined : decodeURIComponent(document);
}

/** Writes an inline policy. */
export async function writePolicy(
  identity: IamIdentity,
  policy: string,
  { caller, document }: { readonly caller: AwsCaller; readonly document: PolicyDocument },
): Promise<void> {
  const { kind, name } = identity;
  const parameters = {
    [`${kind}Name`]: name,
    PolicyName: policy,
    PolicyDocument: JSON.stringify(document),
  };
  const answer = await ask(caller, `Put${kind}Policy`, parameters);
  if (answer === undefined) throw missing(identity);
}

/** Whether IAM's policies let an identity do something; undefined where the caller may not ask that, or IAM does not tell. */
export async function isAllowed(
  identity: string,
  { action, resource }: { readonly action: string; readonly resource: string },
  caller: AwsCaller,
): Promise<boolean | undefined> {
  const parameters = {
    PolicySourceArn: identity,
    "ActionNames.member.1": action,
    "ResourceArns.member.1": resource,
  };
  try {
    const answer = await ask(caller, "SimulatePrincipalPolicy", parameters);
    const [result] = elements(answer, "EvaluationResults", "member");
    const decision = text(result, "EvalDecision");
    return decision === undefined ? undefined : decision === "allowed";
  } catch (error) {
    if (error instanceof RdsIamError) return undefined;
    throw error;
  }
}

// The result's fields; undefined for NoSuchEntity.
async function ask(
  caller: AwsCaller,
  action: string,
  parameters: Readonly<Record<string, string>>,
): Promise<AnswerNode | undefined> {
  // IAM is one for a partition, and signed for in one Region of it.
  const { region } = partitionOf(caller.region);
  const call = { service: "iam", action } as const;
  try {
    const answer = await queryCall({ ...caller, region }, call, parameters);
    const [result = {}] = elements(answer, `${action}Result`);
    return result;
  } catch (error) {
    if (readError(error, []).name === "NoSuchEntity") return undefined;
    throw rdsError(error, caller, { ...call, ways: WAYS });
  }
}
