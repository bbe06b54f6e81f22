// The doctor's step for a secret of AWS Secrets Manager that a target logs in with.
import type { CredentialSource } from "../aws/credentials.ts";
import type { RunContext } from "../base/context.ts";
import { requireUser } from "../config/settings.ts";
import type { CredentialSettings } from "../session/credentials.ts";
import type { DatabaseEndpoint } from "../session/endpoint.ts";
import { openSecret, type RunSecret, withSecret } from "../session/secret.ts";
import { ok, type StepResult } from "./finding.ts";

/** A secret that could be read, and the settings with what it has. */
export interface FoundSecret {
  readonly secret: RunSecret;
  readonly config: CredentialSettings;
}

/** What a secret is read with; the endpoint is that of a database whose secret RDS keeps. */
export interface SecretRequest extends CredentialSettings {
  readonly credentials: CredentialSource;
  readonly endpoint: DatabaseEndpoint | undefined;
}

/** Reads the secret, and fills in what it has and the target has not. */
export async function checkSecret(
  context: RunContext,
  { credentials, endpoint, loaded, settings }: SecretRequest,
): Promise<StepResult<FoundSecret>> {
  const reader = { credentials: () => credentials, endpoint };
  const secret = openSecret(context, { loaded, settings }, reader);
  const { username } = await secret.value();
  const filled = await withSecret(settings, secret);
  requireUser(filled);
  const whose = username === undefined ? "it names no user" : `of user "${username}"`;
  const { host, port } = filled;
  const notes = settings.host === "" ? [`host ${host}, port ${port}`] : [];
  const value = { secret, config: { loaded, settings: filled } };
  return { ...ok(`${secret.name}, ${whose}`, { notes }), value };
}
