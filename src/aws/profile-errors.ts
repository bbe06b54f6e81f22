// Errors about profiles: what is wrong, and the file and line to go to.

import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import { shellCommand } from "../system/shell-word.ts";
import { placeOf, type ProfileFiles, type ProfileValue } from "./profile-files.ts";

/** The keys that a source in a profile begins with. */
export const SOURCE_KEYS = [
  "aws_access_key_id",
  "role_arn",
  "credential_process",
  "web_identity_token_file",
  "sso_account_id",
  "login_session",
];

/** The error for a profile that was named and has no source of credentials in it. */
export function withoutCredentials(profile: string, files: ProfileFiles): RdsIamError {
  const values = files.profiles.get(profile);
  const [first] = values?.values() ?? [];
  const half = values?.get("aws_secret_access_key");
  const reason =
    half !== undefined
      ? `It has aws_secret_access_key without aws_access_key_id (${placeOf(half, files)}).`
      : `Its section (${placeOf(first, files)}) has none of ${SOURCE_KEYS.join(", ")}.`;
  const hint = shellCommand`Run: aws configure sso --profile ${profile}, or: aws configure --profile ${profile}`;
  const reasons = [reason, ...passedOver(profile, files)];
  return refused(`profile "${profile}" has no credentials`, [], hint, reasons);
}

/** The error for a profile that is in neither file, with the likeliest reason. */
export function unknownProfile(
  name: string,
  files: Pick<ProfileFiles, "oddities" | "profiles">,
  from?: string,
  places: readonly (ProfileValue | undefined)[] = [],
): RdsIamError {
  const asSource = from === undefined ? "" : ` (the source_profile of "${from}")`;
  const reasons = passedOver(name, files);
  const near = nearestName(name, files.profiles.keys());
  const hint =
    reasons.length > 0
      ? "Correct that line."
      : near === undefined
        ? "List the profiles with: aws configure list-profiles"
        : `Did you mean "${near}"?`;
  return refused(`unknown AWS profile "${name}"${asSource}`, places, hint, reasons);
}

// What AWS's tools pass over of a profile.
function passedOver(profile: string, { oddities }: Pick<ProfileFiles, "oddities">): string[] {
  return oddities
    .filter(({ profiles }) => profiles.includes(profile))
    .map(({ file, line, problem }) => `${file}, line ${line} ${problem}.`);
}

/** The error for what the AWS CLI refuses too, or would sign as it is; `places` are the values that it is about. */
export function refused(
  problem: string,
  places: readonly (ProfileValue | undefined)[] = [],
  hint = "The AWS CLI refuses this profile too: correct it, or name another one.",
  reasons: readonly string[] = [],
): RdsIamError {
  const lines = places.flatMap((place) =>
    place === undefined ? [] : [`${place.file}, line ${place.line}`],
  );
  const see = lines.length === 0 ? [] : [`See ${lines.join(", and ")}.`];
  const detail = [...reasons, ...see].join(" ");
  return new RdsIamError(problem, {
    code: "ERR_CREDENTIALS",
    detail: detail === "" ? undefined : detail,
    hint,
  });
}
