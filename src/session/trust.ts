// The part of a session that is about whom to trust: the root certificates for the place where a database is.
import type { Settings } from "../config/settings.ts";
import type { Place } from "./endpoint.ts";
import { caDirectory } from "../rds/ca-store.ts";

/** What the process edge hands in. */
export interface TrustEdge {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

/** The certificates that are trusted for a place, and what they are. */
export async function trustFor(
  { env, home }: TrustEdge,
  { kind, region, settings }: Pick<Place, "kind" | "region"> & { readonly settings: Settings },
) {
  const { trustedCertificates } = await import("../rds/certificates.ts");
  const storeDirectory = caDirectory(env, home);
  return trustedCertificates({ sslrootcert: settings.sslrootcert, kind, region, storeDirectory });
}
