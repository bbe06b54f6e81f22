// Looks at a profile before the SDK does: what the SDK reports as one vague sentence (or as a TypeError, for a missing
// [sso-session]) has causes that the files show by themselves, with a file and a line to go to.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html

import { RdsIamError } from "../base/errors.ts";
import { type ProfileFiles, type ProfileKeys, whereIs } from "./profile-files.ts";
import { keyProblem, sectionProblem, unknownProfile } from "./profile-problems.ts";

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
  for (const [index, each] of chain.entries()) {
    checkOne(each, chain[index - 1], files);
  }
  const last = chain.at(-1) ?? name;
  const next = sourceOf(last, chain.length > 1, files);
  if (next !== undefined) {
    throw new RdsIamError(`profile "${name}" goes round in a circle`, {
      code: "ERR_CREDENTIALS",
      detail: `Its source_profile chain is ${[...chain, next].join(" -> ")}.`,
      hint: `Correct source_profile of profile "${last}" in ${whereIs(last, "source_profile", files.paths)}.`,
    });
  }
}

function checkOne(name: string, from: string | undefined, files: ProfileFiles): void {
  const keys = files.profiles.get(name);
  if (keys === undefined) {
    throw unknownProfile(name, from, files);
  }
  const bad = keyProblem(keys);
  if (bad !== undefined) {
    throw new RdsIamError(`${bad.key} of profile "${name}" ${bad.problem}`, {
      code: "ERR_CREDENTIALS",
      detail: `It is in ${whereIs(name, bad.key, files.paths)}.`,
      hint: `${bad.hint ?? "Correct that line"}, then try again.`,
    });
  }
  // As a source, a profile's static keys count and its role does not.
  const isStatic = from !== undefined && hasStaticKeys(keys);
  const problem = isStatic ? undefined : sectionProblem(name, keys, files);
  if (problem !== undefined) {
    throw problem;
  }
  if (!hasIdentity(keys)) {
    throw new RdsIamError(`profile "${name}" has no credentials`, {
      code: "ERR_CREDENTIALS",
      detail: `Its section (${whereIs(name, undefined, files.paths)}) has none of ${IDENTITY_KEYS.join(", ")}.`,
      hint: `Run: aws configure sso --profile ${name}, or: aws configure --profile ${name}`,
    });
  }
}

/** Whether a profile says who one is, rather than only a region and the like. */
export function hasIdentity(keys: ProfileKeys): boolean {
  return IDENTITY_KEYS.some((key) => keys[key] !== undefined);
}

/** Whether a profile has an access key of its own, both halves. */
export function hasStaticKeys(keys: ProfileKeys): boolean {
  return keys["aws_access_key_id"] !== undefined && keys["aws_secret_access_key"] !== undefined;
}

/** The profiles from one to the end of its source_profile chain; a circle ends before its first repeat. */
export function profileChain(name: string, files: ProfileFiles): readonly string[] {
  const chain: string[] = [name];
  for (;;) {
    const last = chain.at(-1) ?? name;
    const next = sourceOf(last, chain.length > 1, files);
    if (next === undefined || chain.includes(next)) {
      return chain;
    }
    chain.push(next);
  }
}

/** The profile whose credentials a profile's role is assumed with, if it has a role to assume. */
export function sourceOf(name: string, isSource: boolean, files: ProfileFiles): string | undefined {
  const keys = files.profiles.get(name);
  if (keys?.["role_arn"] === undefined || (isSource && hasStaticKeys(keys))) {
    return undefined;
  }
  const next = keys["source_profile"];
  // A profile may name itself: its role is assumed with its own static keys.
  return next === name && hasStaticKeys(keys) ? undefined : next;
}
