// Values of a profile as aws/ takes them, from a plain object; each is in line 1 of a file that is not there.
import type { ProfileFiles, ProfileValues } from "../../src/aws/profile-files.ts";

/** Makes the values. */
export function profileValues(texts: Readonly<Record<string, string>>): ProfileValues {
  return new Map(
    Object.entries(texts).map(([key, text]) => [key, { file: "config", line: 1, text }]),
  );
}

/** Makes files with profiles, all in the config file. */
export function profileFiles(
  profiles: Readonly<Record<string, Readonly<Record<string, string>>>>,
): ProfileFiles {
  const sections = new Map(
    Object.entries(profiles).map(([name, texts]) => [name, profileValues(texts)]),
  );
  return {
    paths: { config: "config", credentials: "credentials" },
    profiles: sections,
    configProfiles: sections,
    credentialsProfiles: new Map(),
    ssoSessions: new Map(),
    services: new Map(),
    oddities: [],
    sdkFile: () => ({ text: "", lost: [] }),
    readOther: () => undefined,
  };
}
