// What of a StartupMessage Aurora DSQL takes: it refuses a login that sets what it does not have.
import { Buffer } from "node:buffer";
import { isIgnored } from "./dsql-statements.ts";
import type { StartupMessage } from "./startup-packet.ts";

const OWN = /^(?:user|database|options|replication|_pq_\..*|amzn[-_].*)$/;
// A word of `options`, where a backslash quotes what follows; `-c` may stand alone before its setting.
// pg_split_opts(), src/backend/utils/init/postinit.c
const OPTION = /(?:-c[ \t\n\r\f\v]+)?(?:\\[^]|[^ \t\n\r\f\v\\])+/g;
const SETTING = /^(?:-c\s*|--)([^=]+)=([^]*)$/;

/** A StartupMessage without the settings that are ignored, and those. */
export function startupForDsql(
  message: StartupMessage,
  {
    clusterId,
    isWhole = false,
  }: {
    /** Of the cluster, where the host name does not have it. */
    readonly clusterId?: string | undefined;
    /** Whether nothing is ignored. */
    readonly isWhole?: boolean;
  } = {},
): { readonly message: StartupMessage; readonly ignored: readonly string[] } {
  const ignored: string[] = [];
  const isKept = (name: string, value: string): boolean => {
    if (isWhole || OWN.test(name) || !isIgnored(name, value)) return true;
    ignored.push(`SET ${name.toLowerCase()}`);
    return false;
  };
  const own = clusterId === undefined ? [] : [`-c amzn-cluster-id=${clusterId}`];
  const asked = message.parameters.filter((parameter) =>
    isKept(parameter.name.toString("latin1"), parameter.value.toString("latin1")),
  );
  // The last value of a parameter is the one that applies.
  const options = asked.findLast(({ name }) => name.toString("latin1") === "options");
  const words = options?.value.toString("latin1").match(OPTION) ?? [];
  const kept = words.filter((word) => {
    const [, name, value = ""] = SETTING.exec(word.replaceAll(/\\([^])/g, "$1")) ?? [];
    return name === undefined || isKept(name.replaceAll("-", "_"), value);
  });
  const value = Buffer.from([...kept, ...own].join(" "), "latin1");
  const parameters = asked.filter(({ name }) => name.toString("latin1") !== "options");
  if (value.length > 0) parameters.push({ name: Buffer.from("options"), value });
  return { message: { minor: message.minor, parameters }, ignored };
}
