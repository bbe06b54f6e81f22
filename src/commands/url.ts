// `rdsiam url`: a postgresql:// URL for a direct connection, valid as long as its auth token.
import { databaseUrl } from "../base/database-url.ts";
import { isOn, type Invocation } from "../cli/options.ts";
import type { RunContext } from "../base/context.ts";

/** Prints the URL, and on stderr until when it is valid. */
export async function runUrl(context: RunContext, invocation: Invocation): Promise<number> {
  const { options, target: targetName } = invocation;
  const { directConnection, printEnd } = await import("../session/connection-info.ts");
  const connection = await directConnection(context, { targetName, options });
  const { hostaddr, sslrootcert } = connection;
  const verified = { sslmode: "verify-full", sslrootcert };
  const parameters = hostaddr === undefined ? verified : { ...verified, hostaddr };
  context.print(databaseUrl({ ...connection, parameters }));
  if (!isOn(options, context.env, "quiet")) printEnd(context, connection);
  return 0;
}
