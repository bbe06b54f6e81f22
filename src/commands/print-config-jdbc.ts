// The settings of a proxy for what runs on pgjdbc: JDBC itself, DBeaver, DataGrip and the other JetBrains IDEs.
// https://jdbc.postgresql.org/documentation/use/#connecting-to-the-database
// https://dbeaver.com/docs/dbeaver/Command-Line/
// https://www.jetbrains.com/help/datagrip/import-data-sources.html
import { createHash } from "node:crypto";
import { showHostPort } from "../base/host-port.ts";
import {
  connectionName,
  formLines,
  type LocalPlace,
  ownPassword,
  passwordFile,
  shellWord,
  tlsParameters,
} from "./print-config-form.ts";

/** For programs on JDBC: the URL, and where its password comes from. */
export function jdbcConfig(place: LocalPlace): readonly string[] {
  const { target, user } = place;
  const password = ownPassword(place);
  const file = passwordFile(place);
  return [
    `JDBC, for ${target}:`,
    jdbcUrl(place, password === undefined ? { user } : { user, password }),
    ...(file === undefined ? [] : [`The property "password" is the content of ${file}`]),
    "",
    "Or apart, as Spring Boot has it:",
    `spring.datasource.url=${jdbcUrl(place)}`,
    `spring.datasource.username=${user}`,
    ...(password === undefined ? [] : [`spring.datasource.password=${password}`]),
  ];
}

/** For DBeaver: its form, and the command that fills it in. */
export function dbeaverConfig(place: LocalPlace): readonly string[] {
  const { target, host, port, user, dbname } = place;
  const specification = [
    "driver=postgresql",
    `name=${connectionName(place)}`,
    `host=${host}`,
    `port=${port}`,
    `database=${dbname}`,
    `user=${user}`,
    "save=true",
    "connect=true",
  ].join("|");
  return [
    `DBeaver, for ${target}: Database > New Database Connection > PostgreSQL`,
    ...formLines(place, { ssl: useSsl, user: "Username" }),
    "",
    "Or let it fill in all but the password and SSL:",
    `dbeaver -con ${shellWord(specification)}`,
  ];
}

/** For DataGrip and its relatives: what "Import from Clipboard" takes, and what is left to type. */
export function datagripConfig(place: LocalPlace): readonly string[] {
  const name = connectionName(place);
  return [
    `DataGrip, for ${place.target}: Database Explorer > New > Data Source > PostgreSQL`,
    ...formLines(place, { ssl: useSsl }),
    "",
    "Or copy these lines, take New > Import from Clipboard, and type the password:",
    "#DataSourceSettings#",
    `#LocalDataSource: ${name}`,
    "#BEGIN#",
    `<data-source source="LOCAL" name="${escapeXml(name)}" uuid="${stableUuid(name)}">`,
    "  <driver-ref>postgresql</driver-ref>",
    "  <synchronize>true</synchronize>",
    "  <jdbc-driver>org.postgresql.Driver</jdbc-driver>",
    `  <jdbc-url>${escapeXml(jdbcUrl(place))}</jdbc-url>`,
    "  <secret-storage>master_key</secret-storage>",
    `  <user-name>${escapeXml(place.user)}</user-name>`,
    "  <working-dir>$ProjectFileDir$</working-dir>",
    "</data-source>",
    "#END#",
  ];
}

function useSsl(mode: LocalPlace["sslmode"]): string {
  return mode === "disable" ? '"Use SSL" off' : `"Use SSL" on, SSL mode ${mode}`;
}

// pgjdbc decodes each part as a URL's.
function jdbcUrl(place: LocalPlace, login: Readonly<Record<string, string>> = {}): string {
  const { host, port, dbname } = place;
  const parameters = [login, tlsParameters(place)].flatMap((each) => Object.entries(each));
  const query = parameters.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&");
  return `jdbc:postgresql://${showHostPort({ host, port })}/${encodeURIComponent(dbname)}?${query}`;
}

function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

// The same name is the same data source, so that a second import replaces the first.
function stableUuid(name: string): string {
  const hex = createHash("sha256").update(name).digest("hex");
  // Version 8, "vendor-specific": https://www.rfc-editor.org/rfc/rfc9562#section-5.8
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
