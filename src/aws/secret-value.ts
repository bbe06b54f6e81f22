// Reads a secret of AWS Secrets Manager: what is needed to log in to a database. Import this file late: the SDK's signer comes with it.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html

import { RdsIamError } from "../base/errors.ts";
import { type AwsCaller, rdsError, rdsFailure } from "./rds-client.ts";
import { readError, sentence } from "./sdk-error.ts";
import { type AnswerNode, jsonCall } from "./signed-call.ts";

const GET = { service: "secretsmanager", action: "GetSecretValue" } as const;
const CALL = `${GET.service}:${GET.action}`;

/** What a secret has of a database login; the password is a secret. */
export interface SecretValue {
  readonly password: string;
  readonly username?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly dbname?: string | undefined;
}

/** The Region in a secret's ARN; undefined for a name. */
export function regionOfSecret(id: string): string | undefined {
  return id.startsWith("arn:") ? id.split(":")[3] : undefined;
}

/** Reads the current value of a secret by its ARN or name; every failure is an RdsIamError without any part of the value. */
export async function secretValue(id: string, caller: AwsCaller): Promise<SecretValue> {
  let answer: AnswerNode;
  try {
    answer = await jsonCall(caller, GET, { SecretId: id });
  } catch (error) {
    throw secretError(error, id, caller);
  }
  const { SecretString: text, SecretBinary: binary } = answer;
  if (typeof text === "string" && text !== "") return readValue(text, id);
  throw useless(
    id,
    binary === undefined ? "Secrets Manager's answer has no SecretString." : "It is binary.",
  );
}

// Text that is no JSON is the password itself.
function readValue(text: string, id: string): SecretValue {
  const fields = fieldsOf(text);
  if (fields === undefined) {
    if (/^\s*[{[]/.test(text)) throw useless(id, "It is not valid JSON.");
    return { password: checked(text.trim(), id) };
  }
  const { password, username, host, port, dbname } = fields;
  if (typeof password !== "string" || password === "") {
    const names = Object.keys(fields).filter((name) => /^\w{1,40}$/.test(name));
    throw useless(id, `Its JSON has no password; its keys are: ${names.join(", ") || "none"}.`);
  }
  const number = Number(port);
  return {
    password: checked(password, id),
    username: textOf(username),
    host: textOf(host),
    port: Number.isInteger(number) && number > 0 && number < 65_536 ? number : undefined,
    dbname: textOf(dbname),
  };
}

// The parser's own error would quote the text.
function fieldsOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

function checked(password: string, id: string): string {
  if (/[\0\r\n]/.test(password)) throw useless(id, "Its password has a line break in it.");
  return password;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" && !/\p{Cc}/u.test(value) ? value : undefined;
}

function useless(id: string, detail: string): RdsIamError {
  return new RdsIamError(`the secret ${id} does not contain a database password`, {
    code: "ERR_CREDENTIALS",
    detail,
    hint: 'It must be text: JSON as {"username":"app","password":"..."}, or the password alone.',
  });
}

// In AWS's words: the text of a refusal is the same for a missing permission and for a key of KMS that refuses.
function secretError(error: unknown, id: string, caller: AwsCaller): RdsIamError {
  const { region } = caller;
  const { name, text } = readError(error, []);
  const detail = sentence(text);
  const parts = { code: "ERR_CREDENTIALS", detail, cause: error } as const;
  if (name === "DecryptionFailure" || (rdsFailure(error) === "denied" && /KMS|kms:/.test(text))) {
    return new RdsIamError(`AWS KMS refused to decrypt the secret ${id}`, {
      ...parts,
      hint: `Allow kms:Decrypt on the secret's key (aws secretsmanager describe-secret --secret-id '${id}' --query KmsKeyId), in the key's policy too.`,
    });
  }
  if (rdsFailure(error) === "denied") {
    return new RdsIamError(`not allowed to call ${CALL} on ${id} in ${region}`, {
      ...parts,
      hint: `Allow ${CALL} on ${id} in the identity's policy, and kms:Decrypt on its key if that is your own.`,
    });
  }
  if (name.startsWith("ResourceNotFound")) {
    return new RdsIamError(`there is no secret ${id} in ${region}`, {
      ...parts,
      hint: id.startsWith("arn:")
        ? "Check the ARN: it has the Region, and six characters that Secrets Manager added to the name."
        : "Check the name and the account; for a secret in another Region, use its ARN, or add {--region} REGION.",
    });
  }
  if (name.startsWith("InvalidRequest") && /delet/i.test(text)) {
    return new RdsIamError(`the secret ${id} is about to be deleted`, {
      ...parts,
      hint: `Undo that: aws secretsmanager restore-secret --secret-id '${id}' --region ${region}. Or name another one.`,
    });
  }
  const ways = "A password command can supply the password instead: rds_password_command.";
  return rdsError(error, caller, { ...GET, ways });
}
