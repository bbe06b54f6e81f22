// Makes the profiles of AWS's config and credentials files, as botocore's build_profile_map() and Session.full_config do.
// https://github.com/boto/botocore/blob/1.44.8/botocore/configloader.py

import process from "node:process";
import type { Environment } from "../base/context.ts";
import { splitWords } from "../system/shell-word.ts";
import type { AwsSection, AwsValue, AwsValues } from "./aws-ini.ts";

/** Sections of one file by name, as parseAwsIni() returns them. */
export type AwsSections = ReadonlyMap<string, AwsSection>;

/** Something in a file that botocore passes over or reads otherwise than it looks; for warnings. */
export interface Oddity {
  readonly file: string;
  readonly line: number;
  /** The end of a sentence whose subject is the line. */
  readonly problem: string;
  /** The profiles that it may be about. */
  readonly profiles: readonly string[];
}

/** What both files say. */
export interface AwsProfiles {
  /** Profiles of both files; a value of the credentials file wins. */
  readonly profiles: ReadonlyMap<string, AwsValues>;
  /** Profiles of the config file alone: [default] and [profile NAME]. */
  readonly configProfiles: ReadonlyMap<string, AwsValues>;
  /** Sections of the credentials file alone, each a profile under the name as it is written. */
  readonly credentialsProfiles: ReadonlyMap<string, AwsValues>;
  /** [sso-session NAME] of the config file. */
  readonly ssoSessions: ReadonlyMap<string, AwsValues>;
  /** [services NAME] of the config file. */
  readonly services: ReadonlyMap<string, AwsValues>;
  readonly oddities: readonly Oddity[];
}

/** A file that is missing has no sections. */
export const NO_SECTIONS: AwsSections = new Map();

// Sections of the config file that other programs own.
const FOREIGN = ["plugins", "preview"];

/** Merges the sections of the two files into profiles. */
export function awsProfiles(config: AwsSections, credentials: AwsSections): AwsProfiles {
  const oddities: Oddity[] = [];
  const configProfiles = new Map<string, AwsValues>();
  const ssoSessions = new Map<string, AwsValues>();
  const services = new Map<string, AwsValues>();
  // Two headers can name the same profile: [profile a] and [profile "a"]. The later one replaces the other whole.
  const put = (values: Map<string, AwsValues>, name: string, section: AwsSection): void => {
    const earlier = values.get(name);
    values.set(name, section.values);
    for (const { file, line, ...other } of earlier === undefined ? [] : config.values()) {
      if (other.values !== earlier) continue;
      const problem = `names the same as line ${section.line}, so that AWS's tools ignore this section`;
      oddities.push({ file, line, problem, profiles: [name] });
    }
  };
  const kinds = [
    ["profile", configProfiles],
    ["sso-session", ssoSessions],
    ["services", services],
  ] as const;
  for (const [written, section] of config) {
    const { file, line } = section;
    // The first letters decide: [profiles x] and [profile-eu x] are profile "x" as well.
    const found = kinds.find(([prefix]) => written.startsWith(prefix));
    const words = found === undefined ? undefined : splitWords(written);
    const name = words?.length === 2 ? words[1] : undefined;
    if (written === "default") {
      put(configProfiles, written, section);
    } else if (found !== undefined && name !== undefined) {
      put(found[1], name, section);
    } else if (found !== undefined) {
      const problem =
        words === undefined
          ? "has a quote that is not closed in its header, so that AWS's tools ignore the section"
          : `has a header of ${words.length} words and not 2, so that AWS's tools ignore the section`;
      oddities.push({ file, line, problem, profiles: [nameInHeader(written)] });
    } else if (!FOREIGN.includes(written) && credentials.get(written)?.file !== file) {
      const meant = nameInHeader(written);
      const problem = `is [${written}], which AWS's tools ignore: a profile is [profile ${meant}]`;
      oddities.push({ file, line, problem, profiles: [meant] });
    }
  }
  const credentialsValues = new Map<string, AwsValues>();
  for (const [written, { file, line, values }] of credentials) {
    credentialsValues.set(written, values);
    // Both may be one file: there [profile NAME] and [NAME] are in their place.
    if (config.get(written)?.file === file) continue;
    if (!/^profile\s|^(["'])[^"']+\1$/.test(written)) continue;
    const name = nameInHeader(written);
    const problem = `is [${written}]: in that file the profile "${name}" is [${name}]`;
    oddities.push({ file, line, problem, profiles: [name] });
  }
  for (const sections of [config, credentials]) {
    for (const [written, { file, swallowedHeaders }] of sections) {
      for (const { line, name } of swallowedHeaders) {
        const problem =
          "is indented, so that for AWS's tools it is a part of the value above and not a header";
        const profiles = [written, name].map(nameInHeader);
        oddities.push({ file, line, problem, profiles });
      }
    }
  }
  const profiles = new Map(configProfiles);
  for (const [name, values] of credentialsValues) {
    const below = configProfiles.get(name);
    profiles.set(name, below === undefined ? values : new Map([...below, ...values]));
  }
  return {
    profiles,
    configProfiles,
    credentialsProfiles: credentialsValues,
    ssoSessions,
    services,
    oddities,
  };
}

// The profile that a header was meant for, whether AWS's tools see it there or not.
function nameInHeader(written: string): string {
  return written.replace(/^profile\s+/i, "").replaceAll(/^["']|["']$/g, "");
}

/** The text of a value; undefined when the key is missing or has a block. */
export function textOf(values: AwsValues | undefined, key: string): string | undefined {
  return values?.get(key)?.text;
}

/** What a path is expanded with. */
export interface PathExpansion {
  readonly env: Environment;
  readonly home: string;
  /** The home directory of another user, as in /etc/passwd; undefined when there is no such user. */
  readonly homeOf: (user: string) => string | undefined;
  readonly platform?: NodeJS.Platform | undefined;
}

/** Expands $NAME and ${NAME}, then a leading ~ or ~user, as os.path.expandvars() and expanduser(); unknown ones stay. */
export function expandPath(path: string, expansion: PathExpansion): string {
  const { env, home, homeOf, platform = process.platform } = expansion;
  const isWindows = platform === "win32";
  const variables = isWindows ? /\$(\w+|\{[^}]*\})|%([^%]+)%/g : /\$(\w+|\{[^}]*\})/g;
  const expanded = path.replaceAll(variables, (written, dollar: string | undefined, percent) => {
    const name = dollar?.startsWith("{") ? dollar.slice(1, -1) : (dollar ?? String(percent));
    return env[isWindows ? name.toUpperCase() : name] ?? written;
  });
  const userOf = isWindows ? /^~([^/\\]*)(.*)$/s : /^~([^/]*)(.*)$/s;
  const [, user, rest = ""] = userOf.exec(expanded) ?? [];
  const base = user === "" ? home : user === undefined ? undefined : homeOf(user);
  return base === undefined ? expanded : base.replace(/\/+$/, "") + rest || "/";
}

/** Where the AWS files are. A variable that is set and empty names no file, as for botocore. */
export function awsConfigPaths(expansion: PathExpansion): { config: string; credentials: string } {
  const { AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: credentials } = expansion.env;
  return {
    config: expandPath(config ?? "~/.aws/config", expansion),
    credentials: expandPath(credentials ?? "~/.aws/credentials", expansion),
  };
}

/** The text of a config file in which the AWS SDK for JavaScript finds what botocore found. */
export interface SdkFile {
  readonly text: string;
  /** The values that the SDK's format cannot hold: it cuts them at a blank and # or ;, and ends them at a line end. */
  readonly lost: readonly AwsValue[];
}

/** Writes profiles, and the [sso-session]s and [services] they use, in the words of the SDK's own parser. */
export function sdkConfigFile(names: readonly string[], files: AwsProfiles): SdkFile {
  const lines: string[] = [];
  const lost: AwsValue[] = [];
  // With a dot for the blank the SDK takes any name, and the name as it is.
  const section = (type: string, name: string, values: AwsValues | undefined): void => {
    if (values === undefined || !isSdkText(name)) return;
    lines.push(`[${type}.${name}]`);
    for (const [key, value] of values) {
      const pairs = value.block ?? [];
      const nested = [...pairs].filter(([, inner]) => isSdkText(inner.text));
      if (isSdkText(key) && isSdkText(value.text)) lines.push(`${key}=${value.text}`);
      else if (nested.length === 0) lost.push(value);
      else lines.push(`${key}=`, ...nested.map(([inner, { text }]) => ` ${inner}=${text}`));
    }
  };
  for (const name of names) {
    const values = files.profiles.get(name);
    section("profile", name, values);
    const session = textOf(values, "sso_session");
    const services = textOf(values, "services");
    if (session !== undefined) section("sso-session", session, files.ssoSessions.get(session));
    if (services !== undefined) section("services", services, files.services.get(services));
  }
  return { text: `${lines.join("\n")}\n`, lost };
}

function isSdkText(text: string | undefined): boolean {
  return text !== undefined && text !== "" && text === text.trim() && !/\s[;#]|[\r\n]/.test(text);
}
