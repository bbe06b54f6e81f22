// Remembers where an alias led: one line `ALIAS CANONICAL-HOST` each, so that a DNS answer that changed is noticed.
// TLS proves that a server is the canonical host, not that this is the database that was meant: whoever controls DNS could
// send an alias to another RDS database, his own, which has a valid certificate too. As in OpenSSH's known_hosts nothing
// is ever rewritten here: lines are added, an alias may have several, and a person takes them away.
// https://man.openbsd.org/sshd#SSH_KNOWN_HOSTS_FILE_FORMAT

import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";

/** An alias and the host that RDS calls it by, both normalised. */
export interface KnownHost {
  readonly alias: string;
  readonly canonical: string;
}

/** What the file says of an alias: it is new, it leads where it led, or it led to these hosts. */
export type Recognition =
  | { readonly kind: "new" | "known" }
  | { readonly kind: "changed"; readonly before: readonly string[] };

/** The file, `$XDG_STATE_HOME/rdsiam/known_hosts`. */
export function knownHostsFile(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): string {
  return join(env["XDG_STATE_HOME"] || join(home, ".local", "state"), "rdsiam", "known_hosts");
}

/** Compares an alias with what the file has of it; a file that is not there knows nobody. */
export async function recognizeHost(file: string, host: KnownHost): Promise<Recognition> {
  const before = parse(await load(file))
    .filter(({ alias }) => alias === host.alias)
    .map(({ canonical }) => canonical);
  if (before.length === 0) {
    return { kind: "new" };
  }
  return before.includes(host.canonical) ? { kind: "known" } : { kind: "changed", before };
}

/**
 * Adds a host that is new to the file, in one write, so that two runs at once lose nothing. Synchronous, because the tool
 * may end right after its login, and the program with it.
 */
export function rememberHost(file: string, host: KnownHost): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const handle = openSync(file, "a+", 0o600);
  try {
    const text = readFileSync(file, "utf8");
    if (parse(text).some(({ alias }) => alias === host.alias)) {
      return;
    }
    // Someone's editor may have left the last line without its end.
    const start = text === "" || text.endsWith("\n") ? "" : "\n";
    writeSync(handle, `${start}${host.alias} ${host.canonical}\n`);
  } finally {
    closeSync(handle);
  }
}

/** What to say of an alias that changed: the warning's sentence, and the error with the same words. */
export function changedHost(
  file: string,
  { alias, canonical }: KnownHost,
  before: readonly string[],
): RdsIamError {
  return new RdsIamError(`${alias} leads to ${canonical} now, not to ${before.join(" or ")}`, {
    code: "ERR_HOST_CHANGED",
    detail: `${file} has where it led when a login there worked. Whoever controls DNS can send an alias to another database.`,
    hint: `If the change is meant: echo '${alias} ${canonical}' >> ${file}`,
  });
}

async function load(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") {
      return "";
    }
    throw new RdsIamError(`cannot read ${file}: ${code}`, {
      code: "ERR_CONFIG",
      detail: "It has where each alias led before, so a change could not be noticed.",
      hint: `Check its permissions: ls -l ${file}`,
      cause: error,
    });
  }
}

function parse(text: string): KnownHost[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const [alias, canonical] = line.trim().split(/\s+/);
    const isComment = alias === undefined || alias.startsWith("#");
    return isComment || canonical === undefined ? [] : [{ alias, canonical }];
  });
}
