// Gets the credentials of a role: from the AWS CLI's cache, else from STS, with an MFA code where the role wants one.
// The cache comes first, so that neither the source credentials nor a code are asked for while the role's own are good.

import { type RdsIamError } from "../base/errors.ts";
import {
  assumeRole,
  type AssumedRole,
  type AssumeRoleParameters,
  type AwsKeys,
  preloadSts,
  type StsPlace,
} from "./assume-role.ts";
import { cliCacheKey, type RoleCache } from "./cli-cache.ts";
import { isRefusedMfaCode, mfaNeeded } from "./sts-errors.ts";

/** What is asked of the person with the MFA device. */
export interface MfaQuestion {
  /** The device: an ARN, or a serial number. */
  readonly serial: string;
  readonly roleArn: string;
  /** Why the code before this one was not taken. */
  readonly refusal: RdsIamError | undefined;
}

/** Asks for the code of an MFA device; rejects where nobody can be asked. */
export type AskMfaCode = (question: MfaQuestion) => Promise<string>;

/** A role to assume. */
export interface RoleRequest {
  readonly roleArn: string;
  /** What the user chose; `defaultSessionName` counts where nothing is. */
  readonly sessionName: string | undefined;
  readonly defaultSessionName: string;
  readonly externalId: string | undefined;
  readonly durationSeconds: number | undefined;
  readonly mfaSerial: string | undefined;
}

/** What getting a role's credentials depends on. */
export interface RoleContext {
  readonly place: StsPlace;
  readonly askMfaCode: AskMfaCode | undefined;
  /** Undefined where nothing may be cached. */
  readonly cache: RoleCache | undefined;
  readonly note: (line: string) => void;
}

/** A role's credentials, and whether they are from the cache. */
export interface RoleCredentials extends AssumedRole {
  readonly cached: boolean;
}

// The first code, and two more after refusals.
const MFA_ATTEMPTS = 3;

/** Gets a role's credentials; `source` is called only where STS has to be. */
export async function roleCredentials(
  request: RoleRequest,
  source: () => Promise<AwsKeys>,
  context: RoleContext,
): Promise<RoleCredentials> {
  const { cache, note } = context;
  const parameters: AssumeRoleParameters = {
    RoleArn: request.roleArn,
    RoleSessionName: request.sessionName,
    ExternalId: request.externalId,
    DurationSeconds: request.durationSeconds,
    SerialNumber: request.mfaSerial,
  };
  const key = cliCacheKey(parameters);
  const cached = await cache?.read(key);
  if (cached !== undefined) {
    note(`${request.roleArn}: credentials from the AWS CLI's cache (${key}.json)`);
    preloadSts();
    return { ...cached, cached: true };
  }
  const named = {
    ...parameters,
    RoleSessionName: request.sessionName ?? request.defaultSessionName,
  };
  const keys = await source();
  const role =
    request.mfaSerial === undefined
      ? await assumeRole(keys, named, context.place)
      : await assumeWithMfa(keys, named, context);
  note(`${request.roleArn}: assumed, good until ${role.expiration.toISOString()}`);
  const failed = await cache?.write(key, role);
  if (failed !== undefined) {
    note(`${request.roleArn}: the AWS CLI's cache cannot be written: ${failed}`);
  }
  return { ...role, cached: false };
}

async function assumeWithMfa(
  keys: AwsKeys,
  parameters: AssumeRoleParameters,
  { askMfaCode, place }: RoleContext,
): Promise<AssumedRole> {
  const { SerialNumber: serial = "", RoleArn: roleArn } = parameters;
  if (askMfaCode === undefined) {
    throw mfaNeeded(serial, roleArn);
  }
  for (let attempt = 1, refusal: RdsIamError | undefined; ; attempt++) {
    const TokenCode = await askMfaCode({ serial, roleArn, refusal });
    try {
      return await assumeRole(keys, { ...parameters, TokenCode }, place);
    } catch (error) {
      if (attempt === MFA_ATTEMPTS || !isRefusedMfaCode(error)) {
        throw error;
      }
      refusal = error;
    }
  }
}
