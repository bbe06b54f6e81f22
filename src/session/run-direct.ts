// The part of a session that runs a tool without the proxy (--direct): libpq itself connects to the database, with verified
// TLS and an auth token out of a password file. Nothing is copied by anybody, which a very large dump may be worth; the
// price is that the token stands in a file, and that a login follows nothing: no failover, no other user, no better error.
// https://www.postgresql.org/docs/current/libpq-connect.html
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { directEnvironment } from "../tool/direct-environment.ts";
import { runTool } from "../tool/run.ts";
import { RdsIamError } from "../base/errors.ts";
import { makeTokenDirectory } from "../tool/token-directory.ts";
import { problemOf } from "../base/problem.ts";
import type { RunContext } from "../base/context.ts";
import { type Access, type AccessRequest, openAccess } from "./session.ts";
import { tunnelAddresses } from "./straight-connection.ts";
import { keepTokenFile } from "../tool/token-file.ts";
import type { Tool } from "./run-tool.ts";
import { trustFor } from "./trust.ts";
import type { Via } from "../via/parse.ts";
import { readWay } from "./tunnel.ts";

const NO_LOCAL_PORT =
  "Leave one of the two out; the database's own port belongs to the host: --host HOST:PORT or rds_port.";

/** Runs a tool that connects by itself; resolves with its exit status. */
export async function runDirect(
  context: RunContext,
  request: AccessRequest,
  tool: Tool,
): Promise<number> {
  if (tool.localPort) throw needsProxy("--port (RDSIAM_PORT)", NO_LOCAL_PORT);
  const access = await openAccess(context, request);
  const place = await placeOf(access, await readWay(context, access.settings));
  const { certificates } = await trustFor(context, access);
  const first = await access.authToken(access.user);
  access.giveTerminalAway();
  using directory = makeTokenDirectory(context.env);
  const { path } = directory;
  const rootCertificates = join(path, "roots.pem");
  writeFileSync(rootCertificates, `${certificates.join("\n")}\n`, { mode: 0o600 });
  using tokens = keepTokenFile({
    ...place,
    user: access.user,
    directory: path,
    first,
    renew: () => access.authToken(access.user, { renew: true }),
    onFailure: (error) => context.log.warning(problemOf(error)),
  });
  tell(context, access, tokens.path);
  const files = { passwordFile: tokens.path, rootCertificates };
  const env = environment(context, access, { ...place, ...files });
  context.waiting.hide();
  const { exitStatus } = await runTool({
    file: tool.file,
    ...(tool.fit?.({ args: tool.args, env }) ?? { args: tool.args, env }),
    signal: context.failed,
  });
  // Nobody else sees the login: that it worked is what a tool says that ends well.
  if (exitStatus === 0) access.remember();
  return exitStatus;
}

/** Where libpq is to connect. */
interface DirectTarget {
  readonly host: string;
  readonly port: number;
  readonly addresses: readonly string[];
}

async function placeOf(access: Access, via: Via): Promise<DirectTarget> {
  const { host, settings } = access;
  if (settings.readOnly)
    throw needsProxy("--read-only (rds_read_only)", "Leave one of the two out.");
  if (via.kind === "direct") {
    const found = await access.addresses();
    return { host, port: settings.port, addresses: found.map(({ address }) => address) };
  }
  if (via.kind !== "tunnel") {
    const hint = `Leave --direct out, or open a tunnel first: ssh -N -L 15432:${access.dialHost}:${settings.port} BASTION, then --via 127.0.0.1:15432.`;
    throw needsProxy("this kind of --via (rds_via)", hint);
  }
  return { host, port: via.port, addresses: await tunnelAddresses(via.host) };
}

function needsProxy(what: string, hint: string): RdsIamError {
  return new RdsIamError(`--direct does not go with ${what}`, {
    code: "ERR_USAGE",
    detail: "With --direct the tool connects to the database by itself, without rdsiam's proxy.",
    hint,
  });
}

function environment(
  { env }: RunContext,
  { settings, user, dbname, dialHost }: Access,
  place: DirectTarget & { readonly passwordFile: string; readonly rootCertificates: string },
): Record<string, string> {
  const { target, connectTimeout, applicationName, port } = settings;
  const rdsHost = port === 5432 ? dialHost : `${dialHost}:${port}`;
  const named = { target, rdsHost, applicationName };
  return directEnvironment({ ...place, ...named, env, user, dbname, connectTimeout });
}

function tell({ log }: RunContext, access: Access, file: string): void {
  const { settings, user, host, port, dbname } = access;
  log.notice(`${settings.target}: ${user} on ${host}:${port}/${dbname}, directly`);
  log.warning({
    message: `with --direct an auth token is in ${file} (mode 0600) while the tool runs`,
  });
}
