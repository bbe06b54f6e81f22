// Calls the AWS access portal with the token of a login: the keys of a profile's role, and the end of a login. Import this file
// late: the SDK's modules come with it.
// https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/Welcome.html

import {
  GetRoleCredentialsCommand,
  paginateListAccountRoles,
  paginateListAccounts,
  LogoutCommand,
  SSOClient,
} from "@aws-sdk/client-sso";
import { RdsIamError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { configuredEndpoint } from "./endpoints.ts";
import { type AwsKeys, checkedKeys } from "./keys.ts";
import { placeOf, type ProfileFiles } from "./profile-files.ts";
import { identityError, missingLogin, readError, sentence } from "./sdk-error.ts";
import { type AwsCalls, sdkClientOptions } from "./sdk.ts";
import { sessionName, type SsoSession, type SsoToken } from "./sso-cache.ts";
import { keptToken, ssoSession, type SsoSource, ssoToken, type TokenContext } from "./sso-token.ts";

const MOST_LISTED = 20; // roles or accounts in an error

/** Gets the keys of a profile's role; every failure is an RdsIamError. */
export async function ssoKeys(
  source: SsoSource,
  files: ProfileFiles,
  context: TokenContext,
): Promise<AwsKeys> {
  const session = ssoSession(source, files);
  const { calls } = context;
  await using portal = await openPortal(session.region, calls);
  let refusal: { readonly token: string; readonly error: RdsIamError } | undefined;
  for (;;) {
    const token = await ssoToken(session, context, { refused: refusal?.token });
    if (token === undefined) throw refusal?.error ?? withoutToken(session, calls);
    try {
      return await roleKeys(source, portal, token);
    } catch (cause) {
      const error = await portalError(cause, { source, files, portal, token });
      // A login may have been ended elsewhere, before its time: that is made good once.
      const isRefused = cause instanceof Error && cause.name === "UnauthorizedException";
      if (!isRefused || refusal !== undefined) throw error;
      refusal = { token: token.accessToken, error };
    }
  }
}

function withoutToken(session: SsoSession, calls: AwsCalls): RdsIamError {
  const token = keptToken(session, calls);
  const name = sessionName(session);
  const detail =
    token === undefined
      ? `There is no login to ${name} (${session.startUrl}).`
      : `The login to ${name} (${session.startUrl}) ended at ${printable(token.expiresAt)}.`;
  return missingLogin(session.profile, detail);
}

interface Portal extends AsyncDisposable {
  readonly client: SSOClient;
  readonly endpoint: string;
  readonly failure: () => RdsIamError | undefined;
}

async function openPortal(region: string, calls: AwsCalls): Promise<Portal> {
  const endpoint = configuredEndpoint("sso", calls);
  const options = await sdkClientOptions(calls);
  const client = new SSOClient({
    ...options,
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
  });
  return {
    client,
    endpoint: endpoint ?? `the AWS access portal in ${region}`,
    failure: () => options.requestHandler.failure,
    [Symbol.asyncDispose]: async () => client.destroy(),
  };
}

async function roleKeys(
  { accountId, profile, roleName }: SsoSource,
  { client }: Portal,
  { accessToken }: SsoToken,
): Promise<AwsKeys> {
  const { roleCredentials = {} } = await client.send(
    new GetRoleCredentialsCommand({ accountId, roleName, accessToken }),
  );
  const { accessKeyId = "", secretAccessKey = "", sessionToken, expiration = 0 } = roleCredentials;
  const keys = { accessKeyId, secretAccessKey, sessionToken, expiration: new Date(expiration) };
  const checked = checkedKeys(keys, `the login of profile "${profile}"`);
  if (expiration > Date.now()) return checked;
  throw new RdsIamError("this machine's clock and AWS's disagree", {
    code: "ERR_CREDENTIALS",
    detail: `The credentials that AWS has just given for profile "${profile}" ended at ${keys.expiration.toISOString()} by the clock of this machine.`,
    hint: "Set the clock: timedatectl set-ntp true",
  });
}

interface PortalCall {
  readonly source: SsoSource;
  readonly files: ProfileFiles;
  readonly portal: Portal;
  readonly token: SsoToken;
}

async function portalError(error: unknown, call: PortalCall): Promise<RdsIamError> {
  const { portal, source, token } = call;
  if (error instanceof RdsIamError) return error;
  const failure = portal.failure();
  if (failure !== undefined) return failure;
  const secrets = [token.accessToken];
  const { name, text } = readError(error, secrets);
  if (/^(?:Forbidden|ResourceNotFound)Exception$/.test(name)) {
    return notAssigned(text, call);
  }
  const { profile } = source;
  return identityError(error, {
    profile,
    loginProfile: profile,
    endpoint: portal.endpoint,
    secrets,
  });
}

async function notAssigned(
  text: string,
  { files, portal, source, token }: PortalCall,
): Promise<RdsIamError> {
  const { profile } = source;
  const values = files.profiles.get(profile);
  // Without an answer nothing is said about what there is.
  const found = await assigned(portal, source, token).catch(() => undefined);
  const key = found?.isAccount === false ? "sso_account_id" : "sso_role_name";
  return new RdsIamError(
    `cannot get credentials for profile "${profile}": SSO gives no access to that account and role`,
    {
      code: "ERR_CREDENTIALS",
      detail: [sentence(text), found?.text].filter(Boolean).join(" "),
      hint:
        found === undefined
          ? `Check sso_account_id and sso_role_name (${placeOf(values?.get(key), files)}) in the AWS access portal.`
          : `Correct ${key} (${placeOf(values?.get(key), files)}), or have the permission set assigned to you.`,
    },
  );
}

// What the person may use: the roles of the account, else the accounts.
async function assigned(
  { client }: Portal,
  { accountId, roleName }: SsoSource,
  { accessToken }: SsoToken,
): Promise<{ readonly isAccount: boolean; readonly text: string }> {
  const accounts: string[] = [];
  let own: string | undefined;
  for await (const { accountList = [] } of paginateListAccounts({ client }, { accessToken })) {
    for (const { accountId: id = "", accountName } of accountList) {
      const name = printable(accountName ? `${id} (${accountName})` : id);
      accounts.push(name);
      if (id === accountId) own = name;
    }
  }
  if (own === undefined) {
    return {
      isAccount: false,
      text: `Account ${accountId} is not assigned to you; assigned are: ${listText(accounts)}.`,
    };
  }
  const roles: string[] = [];
  const pages = paginateListAccountRoles({ client }, { accessToken, accountId });
  for await (const { roleList = [] } of pages) {
    roles.push(...roleList.map((role) => printable(role.roleName ?? "")));
  }
  return {
    isAccount: true,
    text: `${roleName} is not assigned to you in account ${own}; assigned are: ${listText(roles)}.`,
  };
}

function listText(names: readonly string[]): string {
  if (names.length === 0) return "none";
  const more = names.length - MOST_LISTED;
  const listed = names.slice(0, MOST_LISTED).join(", ");
  return more > 0 ? `${listed} and ${more} more` : listed;
}

/** Ends a login at the portal; throws an RdsIamError where that fails. */
export async function endLogin(
  { accessToken }: SsoToken,
  region: string,
  calls: AwsCalls,
): Promise<void> {
  await using portal = await openPortal(region, calls);
  try {
    await portal.client.send(new LogoutCommand({ accessToken }));
  } catch (error) {
    // It is over already.
    if (error instanceof Error && error.name === "UnauthorizedException") return;
    const failed = { profile: undefined, endpoint: portal.endpoint, secrets: [accessToken] };
    throw portal.failure() ?? identityError(error, failed);
  }
}
