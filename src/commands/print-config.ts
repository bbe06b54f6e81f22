// `rdsiam proxy --print-config TOOL`: what to type where, for a tool that wants its settings in a form of its own. The text
// takes the place of the ready line on stdout; the proxy stays open after it. With a fixed --port and a --password-file it
// is the same at every start, and holds no password: such a text gets saved, pasted and committed.
import { datagripConfig, dbeaverConfig, jdbcConfig } from "./print-config-jdbc.ts";
import { dockerConfig, pgadminConfig, tableplusConfig } from "./print-config-libpq.ts";

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

const CONFIGS: Readonly<Record<string, (place: LocalPlace) => readonly string[]>> = {
  dbeaver: dbeaverConfig,
  datagrip: datagripConfig,
  pgadmin: pgadminConfig,
  tableplus: tableplusConfig,
  jdbc: jdbcConfig,
  docker: dockerConfig,
};

/** The lines for a tool (one of --print-config's choices) and every proxy of this run. */
export function configLines(tool: string, places: readonly LocalPlace[]): readonly string[] {
  const config = CONFIGS[tool];
  if (config === undefined) throw new TypeError(`no settings for ${tool}`);
  return places.flatMap((place, index) => [...(index === 0 ? [] : [""]), ...config(place)]);
}
