// What `rdsiam proxy` prints on stdout once it listens: a URL, or JSON. The password is in it where no file has it.
import { isIP } from "node:net";
import { dirname, resolve } from "node:path";
import { databaseUrl } from "../base/database-url.ts";
import { quoteForShell, shellWord } from "../system/shell-word.ts";
import type { LocalOptions } from "../serve/local-side.ts";
import type { OpenedProxy } from "../serve/open-proxies.ts";

/** A proxy that listens, as its tools see it. */
export interface ReadyProxy {
  readonly target: string;
  /** An address; a directory for a unix socket. */
  readonly host: string;
  readonly port: number;
  /** Empty where none was named, as the database. */
  readonly user: string;
  readonly dbname: string;
  /** What the proxy asks for: its own password, none, or what the database takes. */
  readonly password: { readonly text: string } | { readonly file: string } | "none" | "database";
  /** The file with the certificate that the proxy serves TLS with; undefined without TLS. */
  readonly certificate: string | undefined;
}

type Opened = {
  readonly login: Pick<OpenedProxy["login"], "user" | "dbname"> & {
    readonly settings: Pick<OpenedProxy["login"]["settings"], "label">;
  };
  readonly proxy: Pick<OpenedProxy["proxy"], "host" | "port" | "secret" | "socketPath">;
};

/** What tools have to know of a proxy that is open. */
export function readyProxy({ login, proxy }: Opened, local: LocalOptions): ReadyProxy {
  const { socketPath, port } = proxy;
  const { settings, user = "", dbname = "" } = login;
  const host = socketPath === undefined ? reachable(proxy.host) : dirname(socketPath);
  return {
    target: settings.label,
    host,
    port,
    user,
    dbname,
    password: passwordOf(proxy.secret, local),
    certificate: local.tls === undefined ? undefined : resolve(local.tls.cert),
  };
}

function passwordOf(secret: string, local: LocalOptions): ReadyProxy["password"] {
  if (local.auth === "pass-through") return "database";
  if (local.clientAuth === "trust") return "none";
  return local.passwordFile === undefined
    ? { text: secret }
    : { file: resolve(local.passwordFile) };
}

// A tool cannot connect to the address that stands for all addresses.
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return isIP(host) === 6 && /^[0:]+$/.test(host) ? "::1" : host;
}

/** The lines for people and scripts: the URL of one, names and URLs of several. */
export function readyLines(proxies: readonly ReadyProxy[]): readonly string[] {
  const [first] = proxies;
  if (proxies.length === 1 && first !== undefined) return [urlOf(first)];
  return proxies.map((ready) => `${ready.target} ${urlOf(ready)}`);
}

/** What a person reads on a terminal, where the password stays on the screen: it is printed when it is asked for. */
export function readyText(proxies: readonly ReadyProxy[]): readonly string[] {
  const lines = proxies.flatMap((ready) => {
    const { target, host, port, password } = ready;
    const hidden = typeof password === "object" ? ({ ...ready, password: "none" } as const) : ready;
    const file = typeof password === "object" && "file" in password ? password.file : undefined;
    const before = file === undefined ? "" : `PGPASSWORD="$(cat ${shellWord(file)})" `;
    return [
      `${target} is ready at ${host} port ${port}. Connect with:`,
      `  ${before}psql ${quoteForShell(urlOf(hidden))}`,
    ];
  });
  const isHidden = proxies.some(
    ({ password }) => typeof password === "object" && "text" in password,
  );
  return [
    ...lines,
    ...(isHidden
      ? ["The password: add --show-password, or name a file: --password-file FILE"]
      : []),
    "Ctrl-C stops it.",
  ];
}

/** An object for one, an array for several. */
export function readyJson(proxies: readonly ReadyProxy[]): string {
  const rows = proxies.map((ready) => {
    const { target, host, port, user, dbname, password } = ready;
    const named = { target, url: urlOf(ready), host, port, user, dbname };
    return { ...named, ...passwordFields(password), sslmode: modeOf(ready) };
  });
  return JSON.stringify(rows.length === 1 ? rows[0] : rows);
}

function passwordFields(password: ReadyProxy["password"]): Readonly<Record<string, string>> {
  if (typeof password !== "object") return {};
  return "text" in password ? { password: password.text } : { passwordFile: password.file };
}

function urlOf(ready: ReadyProxy): string {
  const { host, port, user, dbname, password } = ready;
  const text = typeof password === "object" && "text" in password ? password.text : undefined;
  // A directory is that of a unix socket, where there is no TLS. Elsewhere Go's lib/pq needs sslmode=disable.
  const parameters: Record<string, string> = host.startsWith("/") ? {} : { sslmode: modeOf(ready) };
  const url = databaseUrl({ host, port, user, dbname, password: text, parameters });
  return url.replace("//@", "//");
}

// The tool has to know itself which CA signed the certificate.
function modeOf({ certificate }: ReadyProxy): "disable" | "require" {
  return certificate === undefined ? "disable" : "require";
}
