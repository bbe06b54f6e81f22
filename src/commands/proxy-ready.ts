// What `rdsiam proxy` prints on stdout once it listens: a URL, or JSON. The password is in it where no file has it.
import { isIP } from "node:net";
import { dirname, resolve } from "node:path";
import { databaseUrl } from "../base/database-url.ts";
import type { LocalOptions } from "../serve/local-side.ts";
import type { OpenedProxy } from "../serve/open-proxies.ts";

/** A proxy as its tools see it. */
export interface ReadyPlace {
  readonly target: string;
  /** An address; a directory for a unix socket. */
  readonly host: string;
  readonly port: number;
  /** Empty where nobody has named one, as the database. */
  readonly user: string;
  readonly dbname: string;
  /** What the proxy asks for; undefined when it asks for nothing of its own. */
  readonly password: { readonly text: string } | { readonly file: string } | undefined;
  /** The certificate that the proxy's own TLS is served with; undefined without TLS. */
  readonly sslrootcert: string | undefined;
}

/** The place of a proxy that is open. */
export function placeOf({ login, proxy }: OpenedProxy, local: LocalOptions): ReadyPlace {
  const { socketPath, port } = proxy;
  const { settings, user = "", dbname = "" } = login;
  const host = socketPath === undefined ? reachable(proxy.host) : dirname(socketPath);
  return {
    target: settings.target,
    host,
    port,
    user,
    dbname,
    password: passwordOf(proxy.secret, local),
    sslrootcert: local.tls === undefined ? undefined : resolve(local.tls.cert),
  };
}

function passwordOf(secret: string, local: LocalOptions): ReadyPlace["password"] {
  if (local.auth === "pass-through" || local.clientAuth === "trust") return undefined;
  return local.passwordFile === undefined
    ? { text: secret }
    : { file: resolve(local.passwordFile) };
}

// All addresses of this machine are no address to connect to.
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return isIP(host) === 6 && /^[0:]+$/.test(host) ? "::1" : host;
}

/** The lines for people and scripts: the URL of one, names and URLs of several. */
export function readyLines(places: readonly ReadyPlace[]): readonly string[] {
  const [first] = places;
  if (places.length === 1 && first !== undefined) return [urlOf(first)];
  return places.map((place) => `${place.target} ${urlOf(place)}`);
}

/** An object for one, an array for several. */
export function readyJson(places: readonly ReadyPlace[]): string {
  const rows = places.map((place) => {
    const { target, host, port, user, dbname, password } = place;
    const named = { target, url: urlOf(place), host, port, user, dbname };
    return { ...named, ...passwordFields(password), sslmode: modeOf(place) };
  });
  return JSON.stringify(rows.length === 1 ? rows[0] : rows);
}

function passwordFields(password: ReadyPlace["password"]): Readonly<Record<string, string>> {
  if (password === undefined) return {};
  return "text" in password ? { password: password.text } : { passwordFile: password.file };
}

function urlOf(place: ReadyPlace): string {
  const { host, port, user, dbname, password } = place;
  const text = password !== undefined && "text" in password ? password.text : undefined;
  // A directory is that of a unix socket, where there is no TLS. Elsewhere Go's lib/pq has to be told that there is none.
  const parameters: Record<string, string> = host.startsWith("/") ? {} : { sslmode: modeOf(place) };
  const url = databaseUrl({ host, port, user, dbname, password: text, parameters });
  return url.replace("//@", "//");
}

// Who has signed the certificate is for the tool to know.
function modeOf({ sslrootcert }: ReadyPlace): "disable" | "require" {
  return sslrootcert === undefined ? "disable" : "require";
}
