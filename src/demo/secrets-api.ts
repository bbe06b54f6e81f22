// The stand-in for AWS Secrets Manager: GetSecretValue, with AWS's own refusals.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
import { type Api, type ApiAnswer, type ApiOptions, makeJson, startApi } from "./aws-api.ts";

/** A secret, by its ARN; the text may be changed while the stand-in runs. */
export interface StandInSecret {
  readonly name: string;
  text: string;
  /** What is wrong with it. */
  fault?: "binary" | "deleted" | "denied" | "kms" | undefined;
}

/** The secrets, and the keys that requests are verified with. */
export interface StandInSecretsOptions extends Pick<ApiOptions, "keys" | "now"> {
  readonly region: string;
  readonly secrets: ReadonlyMap<string, StandInSecret>;
}

/** The running stand-in. */
export interface SecretsApi extends Api {
  /** The IDs that were asked for, each with the Region of its request, in their order. */
  readonly calls: string[];
  readonly secrets: Map<string, StandInSecret>;
}

/** Starts the stand-in on a free loopback port. */
export async function startSecretsApi(options: StandInSecretsOptions): Promise<SecretsApi> {
  const { keys, now, region } = options;
  const secrets = new Map(options.secrets);
  const calls: string[] = [];
  const api = await startApi({
    service: "secretsmanager",
    keys,
    now,
    answer: ({ body, caller, headers }) => {
      if (caller === undefined)
        return failure(
          "UnrecognizedClientException",
          "The security token included in the request is invalid.",
        );
      if (headers.get("x-amz-target") !== "secretsmanager.GetSecretValue")
        return failure("InvalidAction", "unknown");
      const { SecretId: id } = JSON.parse(body) as { readonly SecretId: string };
      const [, asked = ""] =
        /Credential=[^/]+\/\d+\/([^/]+)\//.exec(headers.get("authorization") ?? "") ?? [];
      calls.push(`${asked} ${id}`);
      const [arn, secret] =
        [...secrets].find(([key, { name }]) => asked === region && (key === id || name === id)) ??
        [];
      return secret === undefined || arn === undefined
        ? failure("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        : value(secret, { arn, id, caller: caller.arn });
    },
  });
  return { ...api, calls, secrets };
}

function value(
  { fault, name, text }: StandInSecret,
  { arn, id, caller }: Readonly<Record<"arn" | "caller" | "id", string>>,
): ApiAnswer {
  switch (fault) {
    case "denied":
      return failure(
        "AccessDeniedException",
        `User: ${caller} is not authorized to perform: secretsmanager:GetSecretValue on resource: ${id} because no identity-based policy allows the secretsmanager:GetSecretValue action`,
      );
    case "kms":
      return failure("AccessDeniedException", "Access to KMS is not allowed");
    case "deleted":
      return failure(
        "InvalidRequestException",
        "You can't perform this operation on the secret because it was marked for deletion.",
      );
    case "binary":
      return makeJson(200, { ARN: arn, Name: name, SecretBinary: btoa("binary") });
    case undefined:
      return makeJson(200, {
        ARN: arn,
        Name: name,
        SecretString: text,
        VersionStages: ["AWSCURRENT"],
      });
  }
}

function failure(code: string, message: string): ApiAnswer {
  return makeJson(400, { __type: code, Message: message });
}
