// `rdsiam proxy --print-config TOOL`: what to type where, for a tool that wants its settings in a form of its own. The text
// takes the place of the ready line on stdout; the proxy stays open after it. With a fixed --port and a --password-file it
// is the same at every start, and holds no password: such a text gets saved, pasted and committed.
import type { LocalPlace } from "./print-config-form.ts";
import { datagripConfig, dbeaverConfig, jdbcConfig } from "./print-config-jdbc.ts";
import { dockerConfig, pgadminConfig, tableplusConfig } from "./print-config-libpq.ts";

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
