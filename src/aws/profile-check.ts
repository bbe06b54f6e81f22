// Looks at a profile before the SDK does: what the SDK reports as one vague sentence (or as a TypeError, for a missing
// [sso-session]) has four causes that the files show by themselves.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html

import { RdsIamError } from "../errors.ts";
import { nearestName } from "../nearest-name.ts";

/** A profile's keys, as they stand in AWS's files. */
export type ProfileKeys = Readonly<Record<string, string | undefined>>;

/** The AWS files, as far as identity is concerned. */
export interface ProfileFiles {
  readonly paths: { readonly configFilepath: string; readonly filepath: string };
  readonly profiles: ReadonlyMap<string, ProfileKeys>;
  readonly ssoSessions: ReadonlySet<string>;
}

const IDENTITY_KEYS = [
  "aws_access_key_id",
  "role_arn",
  "credential_source",
  "credential_process",
  "web_identity_token_file",
  "sso_session",
  "sso_start_url",
  "sso_account_id",
  "login_session",
];

/** Throws when the files show that a profile, or one on its source_profile chain, cannot give credentials. */
export function checkProfile(name: string, files: ProfileFiles): void {
  const chain = profileChain(name, files);
  const last = chain.at(-1) ?? name;
  const keys = files.profiles.get(last);
  if (keys === undefined) {
    throw unknownProfile(last, chain.at(-2), files);
  }
  const next = sourceOf(keys);
  if (next !== undefined && keys["aws_access_key_id"] === undefined) {
    throw new RdsIamError(`profile "${name}" goes round in a circle`, {
      code: "ERR_CREDENTIALS",
      detail: `Its source_profile chain is ${[...chain, next].join(" -> ")}.`,
      hint: `Correct source_profile in ${files.paths.configFilepath}.`,
    });
  }
  const session = keys["sso_session"];
  if (session !== undefined && !files.ssoSessions.has(session)) {
    throw new RdsIamError(`profile "${last}" names an sso_session "${session}" that is not there`, {
      code: "ERR_CREDENTIALS",
      detail: `${files.paths.configFilepath} has no section [sso-session ${session}].`,
      hint: `Run: aws configure sso-session, or correct sso_session in profile "${last}".`,
    });
  }
  if (!hasIdentity(keys)) {
    throw new RdsIamError(`profile "${last}" has no credentials`, {
      code: "ERR_CREDENTIALS",
      detail: `It has none of ${IDENTITY_KEYS.join(", ")}.`,
      hint: `Run: aws configure sso --profile ${last}, or: aws configure --profile ${last}`,
    });
  }
}

/** Whether a profile says who one is, rather than only a region and the like. */
export function hasIdentity(keys: ProfileKeys): boolean {
  return IDENTITY_KEYS.some((key) => keys[key] !== undefined);
}

/** The profiles from one to the end of its source_profile chain; a circle ends before its first repeat. */
export function profileChain(name: string, files: ProfileFiles): readonly string[] {
  const chain: string[] = [name];
  let keys = files.profiles.get(name);
  while (keys !== undefined) {
    const next = sourceOf(keys);
    // In a profile that another one names as its source, static keys win over its own role_arn, as in the SDK.
    if (
      next === undefined ||
      chain.includes(next) ||
      (chain.length > 1 && keys["aws_access_key_id"] !== undefined)
    ) {
      break;
    }
    chain.push(next);
    keys = files.profiles.get(next);
  }
  return chain;
}

function sourceOf(keys: ProfileKeys): string | undefined {
  return keys["role_arn"] === undefined ? undefined : keys["source_profile"];
}

function unknownProfile(name: string, from: string | undefined, files: ProfileFiles): RdsIamError {
  const near = nearestName(name, files.profiles.keys());
  const asSource = from === undefined ? "" : ` (the source_profile of "${from}")`;
  return new RdsIamError(`unknown AWS profile "${name}"${asSource}`, {
    code: "ERR_CREDENTIALS",
    detail: `Neither ${files.paths.configFilepath} nor ${files.paths.filepath} has it.`,
    hint:
      near === undefined
        ? "See the profiles with: aws configure list-profiles"
        : `Did you mean "${near}"?`,
  });
}
