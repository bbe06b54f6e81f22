// The database server as the proxy's backend: its addresses, its limits, and the certificates that it is verified with.
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import type { Settings } from "../config/settings.ts";
import type { Backend, Verification } from "../proxy/backend-login.ts";
import { caDirectory } from "../rds/ca-store.ts";
import { parseEndpoint } from "../rds/endpoint.ts";
import type { DatabaseEndpoint } from "./endpoint.ts";

const LOGIN_TIMEOUT = 30_000; // ms that the server gets for each login once TLS stands; a throttled IAM check takes seconds

const READ_ONLY = { default_transaction_read_only: "on" };

/** The environment decides where the certificates of `rdsiam ca update` are. */
type BackendContext = Pick<RunContext, "env" | "home">;

/** A database, and how the user wants it verified. */
export interface BackendRequest {
  readonly settings: Settings;
  readonly endpoint: DatabaseEndpoint;
}

/** The backend of an endpoint. Certificates of the user's own are read at once, the built-in ones when they are needed. */
export async function openBackend(
  context: BackendContext,
  request: BackendRequest,
): Promise<Backend> {
  const { settings, endpoint } = request;
  if (settings.readOnly && endpoint.kind === "dsql") throw noReadOnlyDsql(endpoint.host);
  let verified: Promise<Verification> | undefined;
  const verification = (): Promise<Verification> => (verified ??= verify(context, request));
  // An error in them is reported before a tool starts.
  if (settings.sslrootcert !== undefined) await verification();
  return {
    host: endpoint.host,
    port: settings.port,
    verification,
    addresses: endpoint.addresses,
    connectTimeout: settings.connectTimeout * 1_000,
    loginTimeout: LOGIN_TIMEOUT,
    parameters: settings.readOnly ? READ_ONLY : {},
  };
}

// A session that only promised to be read-only would be worse than none.
function noReadOnlyDsql(host: string): RdsIamError {
  return new RdsIamError(`${host} cannot be opened read-only: it is Aurora DSQL`, {
    code: "ERR_USAGE",
    detail: "DSQL takes neither default_transaction_read_only nor SET SESSION CHARACTERISTICS.",
    hint: "Leave {--read-only} and rds_read_only out, and log in as a role that may only SELECT.",
  });
}

/** The certificates that are trusted for an endpoint, and what they are. */
export async function trustFor(
  { env, home }: BackendContext,
  { settings, endpoint }: BackendRequest,
) {
  const { trustedCertificates } = await import("../rds/certificates.ts");
  const { kind } = endpoint;
  // A Region that was given wrongly must not look like a forged certificate.
  const region = parseEndpoint(endpoint.host)?.region ?? endpoint.region;
  const storeDirectory = caDirectory(env, home);
  return trustedCertificates({ sslrootcert: settings.sslrootcert, kind, region, storeDirectory });
}

async function verify(context: BackendContext, request: BackendRequest): Promise<Verification> {
  const { backendSecureContext } = await import("../proxy/backend-tls.ts");
  const { certificates, description } = await trustFor(context, request);
  return { secureContext: backendSecureContext(certificates), trust: description };
}
