// AWS's two files as far as credentials and AWS calls need them. config/aws-files.ts reads them.

/** One value, and where it is; a block of indented lines has no text. */
export interface ProfileValue {
  readonly file: string;
  readonly line: number;
  readonly text: string | undefined;
  readonly block?: ReadonlyMap<string, ProfileValue> | undefined;
}

/** The values of a section by key, in lower case. */
export type ProfileValues = ReadonlyMap<string, ProfileValue>;

/** Sections by name. */
export type ProfileSections = ReadonlyMap<string, ProfileValues>;

/** The AWS files. */
export interface ProfileFiles {
  readonly paths: { readonly config: string; readonly credentials: string };
  /** Profiles of both files; a value of the credentials file wins. */
  readonly profiles: ProfileSections;
  readonly configProfiles: ProfileSections;
  readonly credentialsProfiles: ProfileSections;
  /** [sso-session NAME] */
  readonly ssoSessions: ProfileSections;
  /** [services NAME] */
  readonly services: ProfileSections;
  /** What AWS's tools pass over. */
  readonly oddities: readonly {
    readonly file: string;
    readonly line: number;
    readonly problem: string;
    readonly profiles: readonly string[];
  }[];
  /** Profiles as a config file for the AWS SDK, and the values that its format cannot hold. */
  readonly sdkFile: (profiles: readonly string[]) => {
    readonly text: string;
    readonly lost: readonly ProfileValue[];
  };
  /** Reads the sections of another file; undefined when there is none. */
  readonly readOther: (path: string) => ProfileSections | undefined;
}

/** Where a value is, for people; the config file's path when it is nowhere. */
export function placeOf(
  value: ProfileValue | undefined,
  { paths }: Pick<ProfileFiles, "paths">,
): string {
  return value === undefined ? paths.config : `${value.file}, line ${value.line}`;
}
