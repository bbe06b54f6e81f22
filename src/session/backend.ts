// The part of a session that is about the database server: how it is reached, and what its certificate is verified with.
import type { Place } from "./endpoint.ts";
import type { Settings } from "../config/settings.ts";
import type { Backend, Verification } from "../proxy/backend-login.ts";
import { trustFor } from "./trust.ts";

const LOGIN_TIMEOUT = 30_000; // ms that the server gets for each login once TLS stands; a throttled IAM check takes seconds

const READ_ONLY = { default_transaction_read_only: "on" };

/** What the process edge hands in. */
export interface BackendEdge {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

/** The server, and how the user wants it verified. */
export interface BackendPlace extends Pick<Place, "addresses" | "host" | "kind" | "region"> {
  readonly settings: Settings;
}

/** The backend of a place. Certificates of the user's own are read at once, the built-in ones when they are needed. */
export async function openBackend(edge: BackendEdge, place: BackendPlace): Promise<Backend> {
  const { settings, host, addresses } = place;
  let verified: Promise<Verification> | undefined;
  const verification = (): Promise<Verification> => (verified ??= verify(edge, place));
  // Whatever is wrong with them is told before a tool starts.
  if (settings.sslrootcert !== undefined) await verification();
  return {
    host,
    port: settings.port,
    verification,
    addresses,
    connectTimeout: settings.connectTimeout * 1_000,
    loginTimeout: LOGIN_TIMEOUT,
    parameters: settings.readOnly ? READ_ONLY : {},
  };
}

async function verify(edge: BackendEdge, place: BackendPlace): Promise<Verification> {
  const { backendSecureContext } = await import("../proxy/backend-tls.ts");
  const { certificates, description } = await trustFor(edge, place);
  return { secureContext: backendSecureContext(certificates), trust: description };
}
