// Who logs in to a database for a tool: rdsiam with auth tokens, or rdsiam with the passwords of a command. Where a tool is
// run, both are one.
import type { PasswordAccess } from "./password-login.ts";
import type { Proxy } from "../proxy/proxy.ts";
import type { RunContext } from "../base/context.ts";
import {
  type Access,
  accessTo,
  type AccessRequest,
  openProxy,
  type OpenProxyOptions,
  settle,
} from "./session.ts";

/** Everything that the logins of a tool need. */
export type ToolAccess =
  | Access
  | (PasswordAccess & { readonly user: string; readonly dbname: string });

/** Resolves a target as far as one can without connecting. */
export async function openToolAccess(
  context: RunContext,
  request: AccessRequest,
): Promise<ToolAccess> {
  const settled = await settle(context, request);
  if (settled.settings.passwordCommand === undefined) return accessTo(context, settled);
  const { openPasswordAccessForTool } = await import("./password-login.ts");
  return openPasswordAccessForTool(context, settled);
}

/** Whether the logins are IAM's. */
export function isIam(access: ToolAccess): access is Access {
  return "authToken" in access;
}

/** Gets what somebody may be asked for; resolves with who one is, for people. */
export async function identityText(access: ToolAccess): Promise<string> {
  return isIam(access) ? (await access.credentials()).source : access.identify();
}

/** Starts the proxy of a target on a local port. */
export async function openToolProxy(
  context: RunContext,
  access: ToolAccess,
  options: OpenProxyOptions,
): Promise<Proxy> {
  if (isIam(access)) return openProxy(context, access, options);
  const { openPasswordProxy } = await import("./password-login.ts");
  return openPasswordProxy(context, access, options);
}
