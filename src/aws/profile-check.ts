// Checks the values of the profiles that credentials come from: what AWS would refuse with a vague sentence, or what would be
// signed as it is and refused by the database, has a file and a line to go to.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html

import type { ChosenSource } from "./choose-source.ts";
import { refused, SOURCE_KEYS } from "./profile-errors.ts";
import type { ProfileFiles } from "./profile-files.ts";

// No credential_process: it is a command line, and may well begin and end with a quote.
const UNQUOTED = [
  ...SOURCE_KEYS.filter((key) => key !== "credential_process"),
  "aws_secret_access_key",
  "aws_session_token",
  "source_profile",
  "credential_source",
  "external_id",
  "role_session_name",
  "duration_seconds",
  "mfa_serial",
  "sso_session",
  "sso_start_url",
  "sso_region",
  "sso_role_name",
  "region",
];

/** Throws for values of the profile, and of those on its source_profile chain, that cannot be right. */
export function checkProfiles(profile: string, source: ChosenSource, files: ProfileFiles): void {
  checkValues(profile, files);
  for (let each = source; each.method === "assume-role"; each = each.from) {
    checkValues(each.profile, files);
    checkRole(each.profile, files);
    if ("profile" in each.from) checkValues(each.from.profile, files);
  }
}

function checkValues(profile: string, files: ProfileFiles): void {
  const values = files.profiles.get(profile);
  for (const key of UNQUOTED) {
    const text = values?.get(key)?.text ?? "";
    if (/^(?:".*"|'.*'|[“‘].*)$/.test(text)) {
      refuse(
        profile,
        key,
        { problem: "has quotes around its value", remedy: "Leave the quotes out" },
        files,
      );
    }
  }
}

function checkRole(profile: string, files: ProfileFiles): void {
  const values = files.profiles.get(profile);
  const duration = values?.get("duration_seconds")?.text;
  if (duration !== undefined && !/^\d{1,6}$/.test(duration)) {
    refuse(profile, "duration_seconds", { problem: "is not a whole number of seconds" }, files);
  }
  const arn = values?.get("role_arn")?.text ?? "";
  if (!/^arn:[\w-]+:iam::\d{12}:role\/\S+$/.test(arn)) {
    const problem = "is not a valid role ARN (arn:aws:iam::ACCOUNT:role/NAME)";
    refuse(profile, "role_arn", { problem }, files);
  }
}

function refuse(
  profile: string,
  key: string,
  { problem, remedy = "Correct that line" }: { readonly problem: string; readonly remedy?: string },
  files: ProfileFiles,
): never {
  const value = files.profiles.get(profile)?.get(key);
  const isCommented = /\s[#;]/.test(value?.text ?? "");
  const hint = isCommented
    ? "This file allows no comment after a value: put the comment on its own line."
    : `${remedy}, then try again.`;
  throw refused(`${key} of profile "${profile}" ${problem}`, [value], hint);
}
