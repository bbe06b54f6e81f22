// `rdsiam proxy --print-config TOOL`: what to type into a tool whose settings are a form of its own. The text takes the place of
// the ready line on stdout; the proxy stays open after it. With a fixed --port and a --password-file it is the same at every
// start and has no password in it: such a text gets saved, pasted and committed.
import { createHash, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { databaseUrl } from "../base/database-url.ts";
import { showHostPort } from "../base/host-port.ts";
import { pemBlocks } from "../base/pem.ts";
import { shellWord } from "../system/shell-word.ts";
import type { ReadyProxy } from "./proxy-ready.ts";

/** A ready proxy, with what a tool can verify its certificate with. */
export interface ToolSettings extends Omit<ReadyProxy, "certificate"> {
  readonly sslmode: "disable" | "require" | "verify-ca" | "verify-full";
  readonly sslrootcert?: string | undefined;
}

interface Known extends ToolSettings {
  /** The connection's name in the lists of tools. */
  readonly name: string;
  /** The proxy's own password, or the file that has it. */
  readonly secret?: string | undefined;
  readonly file?: string | undefined;
}

interface Form {
  readonly menu: string;
  readonly ssl: (mode: string) => string;
  readonly database?: string;
  readonly user?: string;
}

interface ToolForm {
  readonly title: string;
  /** Where its form is, how that sets SSL, and what it calls two fields where that is not the usual. */
  readonly form?: Form;
  /** What it takes in place of the form, or instead of one. */
  readonly text: (known: Known) => string;
}

const useSsl = (mode: string): string =>
  mode === "disable" ? '"Use SSL" off' : `"Use SSL" on, SSL mode ${mode}`;

const TOOLS: Readonly<Record<string, ToolForm>> = {
  // https://dbeaver.com/docs/dbeaver/Command-Line/
  dbeaver: {
    title: "DBeaver",
    form: {
      menu: "Database > New Database Connection > PostgreSQL",
      ssl: useSsl,
      user: "Username",
    },
    text: ({ name, host, port, dbname, user }) => {
      const connection = `driver=postgresql|name=${name}|host=${host}|port=${port}`;
      const login = `database=${dbname}|user=${user}|save=true|connect=true`;
      return `Or let it fill in all but the password and SSL:
dbeaver -con ${shellWord(`${connection}|${login}`)}`;
    },
  },
  // https://www.jetbrains.com/help/datagrip/import-data-sources.html
  datagrip: {
    title: "DataGrip",
    form: { menu: "Database Explorer > New > Data Source > PostgreSQL", ssl: useSsl },
    text: (known) => `Or copy these lines, take New > Import from Clipboard, and type the password:
#DataSourceSettings#
#LocalDataSource: ${known.name}
#BEGIN#
<data-source source="LOCAL" name="${escapeXml(known.name)}" uuid="${stableUuid(known.name)}">
  <driver-ref>postgresql</driver-ref>
  <synchronize>true</synchronize>
  <jdbc-driver>org.postgresql.Driver</jdbc-driver>
  <jdbc-url>${escapeXml(jdbcUrl(known))}</jdbc-url>
  <secret-storage>master_key</secret-storage>
  <user-name>${escapeXml(known.user)}</user-name>
  <working-dir>$ProjectFileDir$</working-dir>
</data-source>
#END#`,
  },
  // https://www.pgadmin.org/docs/pgadmin4/latest/import_export_servers.html#json-format
  pgadmin: {
    title: "pgAdmin",
    form: {
      menu: "Object > Register > Server",
      ssl: (mode) => `Parameters: SSL mode = ${mode}`,
      database: "Maintenance database",
      user: "Username",
    },
    text: (known) => {
      const server = {
        Name: known.name,
        Group: "rdsiam",
        Host: known.host,
        Port: known.port,
        MaintenanceDB: known.dbname,
        Username: known.user,
        // Seconds; pgAdmin's own 10 are few for a login that needs a new role session.
        ConnectionParameters: { connect_timeout: 30, ...tlsParameters(known) },
        PasswordExecCommand: known.file && `cat ${shellWord(known.file)}`,
      };
      return `Or save these lines as a file and take Tools > Import/Export Servers (pgAdmin 7 and newer):
${JSON.stringify({ Servers: { 1: server } }, null, 2)}`;
    },
  },
  // https://docs.tableplus.com/gui-tools/manage-connections
  tableplus: {
    title: "TablePlus",
    form: { menu: "New > PostgreSQL", ssl: (mode) => `SSL mode ${mode}` },
    text: (known) => `Or take New > Import from URL:
${databaseUrl({ ...known, password: known.secret, parameters: { name: known.name } })}`,
  },
  // https://jdbc.postgresql.org/documentation/use/#connecting-to-the-database
  jdbc: {
    title: "JDBC",
    text: (known) => {
      const { user, secret: password, file } = known;
      const fromFile = file && `The property "password" is the content of ${file}\n`;
      const property = password && `\nspring.datasource.password=${password}`;
      return `${jdbcUrl(known, password === undefined ? { user } : { user, password })}
${fromFile ?? ""}
Or apart, as Spring Boot has it:
spring.datasource.url=${jdbcUrl(known)}
spring.datasource.username=${user}${property ?? ""}`;
    },
  },
  docker: { title: "Docker", text: dockerText },
};

/** The settings for each proxy of this run, for a tool that is one of --print-config's choices. */
export function configText(tool: string, proxies: readonly ToolSettings[]): string {
  const config = TOOLS[tool];
  if (config === undefined) throw new TypeError(`no settings for ${tool}`);
  const { title, form, text } = config;
  const parts = proxies.map((settings) => {
    const own: { readonly text?: string; readonly file?: string } =
      typeof settings.password === "object" ? settings.password : {};
    const name = `rdsiam ${settings.target}`;
    const known = { ...settings, name, secret: own.text, file: own.file };
    const heading = `${title}, for ${settings.target}:`;
    if (form === undefined) return `${heading}\n${text(known)}`;
    return `${heading} ${form.menu}\n${formText(known, form)}\n\n${text(known)}`;
  });
  return parts.join("\n\n");
}

/** The settings for a ready proxy; reads its certificate. */
export async function toolSettings(proxy: ReadyProxy): Promise<ToolSettings> {
  const { certificate: file, ...settings } = proxy;
  if (file === undefined) return { ...settings, sslmode: "disable" };
  const blocks = pemBlocks(await readFile(file, "latin1"));
  const [leaf, ...chain] = blocks.map((block) => new X509Certificate(block));
  const last = chain.at(-1) ?? leaf;
  // A certificate that signed itself, alone or at the end of its chain, is its own root certificate. Of others only the operator
  // of the CA knows the file.
  if (leaf === undefined || last?.issuer !== last?.subject)
    return { ...settings, sslmode: "require" };
  const isNamed = leaf.subjectAltName?.split(", ").includes(`IP Address:${settings.host}`);
  return { ...settings, sslmode: isNamed ? "verify-full" : "verify-ca", sslrootcert: file };
}

function formText(known: Known, form: Form): string {
  const { file, secret } = known;
  const asked = known.password === "none" ? "none: leave it empty" : "the database's own";
  const rows: (readonly [string, string])[] = [
    ["Host", known.host],
    ["Port", String(known.port)],
    [form.database ?? "Database", known.dbname || "the database's own"],
    [form.user ?? "User", known.user || "the database's own"],
    ["Password", secret ?? (file === undefined ? asked : `the content of ${file}`)],
    ["SSL", form.ssl(known.sslmode)],
  ];
  if (known.sslrootcert !== undefined) rows.push(["Root certificate", known.sslrootcert]);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join("\n");
}

// psql in a container that shares the machine's network, and what differs elsewhere.
// https://docs.docker.com/engine/network/drivers/host/
function dockerText(known: Known): string {
  const { host, secret, file, sslmode, sslrootcert } = known;
  const password = file ? `"$(cat ${shellWord(file)})"` : secret && shellWord(secret);
  const inside = sslrootcert && "/rdsiam.crt";
  const parameters = tlsParameters({ sslmode, sslrootcert: inside });
  const url = databaseUrl({ ...known, password: undefined, parameters });
  const isLoopback = host.startsWith("127.") || host === "::1";
  const words = [
    password && `PGPASSWORD=${password}`,
    "docker run --rm -it",
    isLoopback && "--network host",
    // The directory of the socket lets its owner in alone.
    host.startsWith("/") && `--user "$(id -u)" -v ${shellWord(`${host}:${host}`)}`,
    sslrootcert && `-v ${shellWord(`${sslrootcert}:${inside}:ro`)}`,
    password && "-e PGPASSWORD",
    `postgres psql ${shellWord(url)}`,
  ];
  const command = words.filter(Boolean).join(" ");
  if (!isLoopback || sslmode !== "disable") return command;
  return `${command}

Docker Desktop (macOS, Windows): host.docker.internal instead of 127.0.0.1, without --network host.
A container on Linux with a network of its own: rdsiam proxy with --socket DIR, or --listen and TLS.`;
}

function tlsParameters({ sslmode, sslrootcert }: Pick<ToolSettings, "sslmode" | "sslrootcert">) {
  return sslrootcert === undefined ? { sslmode } : { sslmode, sslrootcert };
}

// pgjdbc decodes each part as a URL's.
function jdbcUrl(settings: ToolSettings, login: Readonly<Record<string, string>> = {}): string {
  const parameters = Object.entries({ ...login, ...tlsParameters(settings) });
  const query = parameters.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&");
  return `jdbc:postgresql://${showHostPort(settings)}/${encodeURIComponent(settings.dbname)}?${query}`;
}

function escapeXml(text: string): string {
  const signs: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replaceAll(/[&<>"]/g, (sign) => signs[sign] ?? sign);
}

// The same name is the same data source, so that a second import replaces the first.
function stableUuid(name: string): string {
  const hex = createHash("sha256").update(name).digest("hex");
  // Version 8, "vendor-specific": https://www.rfc-editor.org/rfc/rfc9562#section-5.8
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
