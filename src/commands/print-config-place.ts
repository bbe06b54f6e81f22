// From the place that a proxy is ready at to what a tool's settings say: what they can verify the proxy's own TLS with.
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { LocalPlace } from "./print-config-form.ts";
import type { ReadyPlace } from "./proxy-ready.ts";

/** The place as a tool's settings have it; with `passThrough` the login is the database's own. */
export async function settingsOf(place: ReadyPlace, passThrough: boolean): Promise<LocalPlace> {
  const { target, host, port, user, dbname, password, sslrootcert: file } = place;
  const tls = file === undefined ? PLAIN : tlsOf(await readFile(file, "latin1"), { file, host });
  const asked = password ?? (passThrough ? "database" : "none");
  return { target, host, port, user, dbname, password: asked, ...tls };
}

type Tls = Pick<LocalPlace, "sslmode" | "sslrootcert">;

const PLAIN: Tls = { sslmode: "disable" };

// A certificate that signed itself, alone or at the end of its chain, is its own root certificate. Of others only whoever
// runs the CA knows the file.
function tlsOf(pem: string, { file, host }: { readonly file: string; readonly host: string }): Tls {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const [leaf, ...chain] = blocks.map((block) => new X509Certificate(block));
  const last = chain.at(-1) ?? leaf;
  if (leaf === undefined || last?.issuer !== last?.subject) return { sslmode: "require" };
  const names = leaf.subjectAltName?.split(", ") ?? [];
  const isNamed = names.includes(`IP Address:${host}`);
  return { sslmode: isNamed ? "verify-full" : "verify-ca", sslrootcert: file };
}
