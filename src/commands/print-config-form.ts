// The settings of a proxy in the words of a form: what every GUI tool asks for.

/** A proxy as its tools see it. */
export interface LocalPlace {
  readonly target: string;
  /** A name or an address; a directory for a unix socket. */
  readonly host: string;
  readonly port: number;
  /** Empty where nobody has named one, as the database. */
  readonly user: string;
  readonly dbname: string;
  /** What the proxy asks for: its own password, none, or what the database takes. */
  readonly password: { readonly text: string } | { readonly file: string } | "none" | "database";
  readonly sslmode: "disable" | "require" | "verify-ca" | "verify-full";
  /** What the proxy's certificate is verified with, where that is known. */
  readonly sslrootcert?: string | undefined;
}

/** What a tool calls its fields, where that is not the usual, and how it sets SSL. */
export interface FormWords {
  readonly ssl: (mode: LocalPlace["sslmode"]) => string;
  readonly database?: string;
  readonly user?: string;
}

/** The fields of a form and what to type there, one line each. */
export function formLines(
  place: LocalPlace,
  { ssl, database = "Database", user = "User" }: FormWords,
): readonly string[] {
  const rows: (readonly [string, string])[] = [
    ["Host", place.host],
    ["Port", String(place.port)],
    [database, place.dbname || "the database's own"],
    [user, place.user || "the database's own"],
    ["Password", passwordText(place)],
    ["SSL", ssl(place.sslmode)],
  ];
  if (place.sslrootcert !== undefined) rows.push(["Root certificate", place.sslrootcert]);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
}

function passwordText({ password }: LocalPlace): string {
  if (password === "none") return "none: leave it empty";
  if (password === "database") return "the database's own";
  return "text" in password ? password.text : `the content of ${password.file}`;
}

/** The proxy's own password, where it is told outright. */
export function ownPassword({ password }: LocalPlace): string | undefined {
  return typeof password === "object" && "text" in password ? password.text : undefined;
}

/** The file that holds the proxy's own password. */
export function passwordFile({ password }: LocalPlace): string | undefined {
  return typeof password === "object" && "file" in password ? password.file : undefined;
}

/** The parameters of a connection string that are about TLS. */
export function tlsParameters({ sslmode, sslrootcert }: LocalPlace): Record<string, string> {
  return sslrootcert === undefined ? { sslmode } : { sslmode, sslrootcert };
}

/** The name of a connection in the lists of tools. */
export function connectionName({ target }: LocalPlace): string {
  return `rdsiam ${target}`;
}

/** A word for a POSIX shell, quoted where it must be. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
