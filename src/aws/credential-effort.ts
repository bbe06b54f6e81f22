// What getting credentials will take, as far as the files and the environment tell without getting them: a tool may start
// before they are there only where nobody has to be asked anything on its terminal.
import type { RoleOptions } from "./credentials.ts";
import { type Environment, hasEnvironmentKeys } from "./environment-keys.ts";
import { checkProfile, hasIdentity, hasStaticKeys, profileChain } from "./profile-check.ts";
import type { ProfileFiles } from "./profile-files.ts";
import { hasWebIdentity } from "./web-identity.ts";

/** They are read from the files or the environment; a person may be asked; or the network is called and nobody asked. */
export type CredentialEffort = "reading" | "asking" | "calling";

/** Whose credentials, with the files and the environment that they come from. */
export interface EffortOptions {
  readonly profile: string | undefined;
  readonly role: RoleOptions | undefined;
  readonly files: ProfileFiles;
  readonly env: Environment;
}

/** Tells what getting credentials will take; throws for a profile that the files show to be broken. */
export function credentialEffort(options: EffortOptions): CredentialEffort {
  const { role } = options;
  const base = baseEffort(options);
  if (role === undefined || base === "asking") return base;
  return role.mfaSerial === undefined ? "calling" : "asking";
}

function baseEffort({ profile, files, env }: EffortOptions): CredentialEffort {
  if (profile === undefined && hasEnvironmentKeys(env)) return "reading";
  if (profile === undefined && hasWebIdentity({ env, files })) return "calling";
  const name = profile ?? "default";
  // What is left is the metadata service of a container or an instance; without one, that there is nothing is told at once.
  if (profile === undefined && !hasIdentity(files.profiles.get(name) ?? {}))
    return hasMetadata(env) ? "calling" : "reading";
  checkProfile(name, files);
  const chain = profileChain(name, files).map((each) => files.profiles.get(each) ?? {});
  const [top = {}] = chain;
  if (hasStaticKeys(top) && top["role_arn"] === undefined) return "reading";
  // A credential_process may ask on the terminal for the passphrase of whatever keeps its secrets.
  const asks = chain.some(
    (keys) => keys["credential_process"] !== undefined || keys["mfa_serial"] !== undefined,
  );
  return asks ? "asking" : "calling";
}

function hasMetadata(env: Environment): boolean {
  const isContainer =
    env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] || env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
  return Boolean(isContainer) || env["AWS_EC2_METADATA_DISABLED"]?.toLowerCase() !== "true";
}
