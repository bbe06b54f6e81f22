// Remembers what an alias resolved to: one line `ALIAS CANONICAL-HOST` each, so that a DNS answer that changed is noticed; and of
// a server whether it takes TLS at once: `HOST:PORT direct-tls`, or `HOST:PORT sslrequest` where it no longer does. In a file of
// its own, of a database the instance that it was last reached through: `HOST i-...`.
// TLS proves that a server is the canonical host, not that this is the database that was meant: an attacker who
// controls DNS could point an alias to an RDS database of their own, which has a valid certificate too. As in OpenSSH's known_hosts nothing
// is ever rewritten here: lines are added, an alias may have several, and a person removes them.
// https://man.openbsd.org/sshd#SSH_KNOWN_HOSTS_FILE_FORMAT

import { closeSync, constants, existsSync, readFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Environment } from "../base/context.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { stateDirectory } from "../system/directories.ts";
import { shellWord } from "../system/shell-word.ts";
import { makeTrustedDirectory, openTrusted, readTrusted } from "../base/trusted-file.ts";
import { isSameAccount, parseEndpoint } from "./endpoint.ts";

/** An alias and the host that RDS calls it by, both normalised. */
export interface KnownHost {
  readonly alias: string;
  readonly canonical: string;
}

/** Whether an alias is new, is what it was, or resolved to these other hosts before. */
export type Recognition =
  | { readonly kind: "new" | "known" }
  | {
      readonly kind: "changed";
      readonly before: readonly string[];
      /** Whether account and Region are those of one of the hosts before, as far as the names show. */
      readonly isWithinAccount: boolean;
    };

/** The file. */
export function knownHostsFile(env: Environment, home: string): string {
  return join(stateDirectory(env, home), "known_hosts");
}

/** The file of instances, beside it. */
export function knownInstancesFile(env: Environment, home: string): string {
  return join(dirname(knownHostsFile(env, home)), "instances");
}

/** Compares an alias with what the file has of it; without a file every alias is new. */
export function recognizeHost(file: string, host: KnownHost): Recognition {
  const before = parse(load(file))
    .filter(({ alias }) => alias === host.alias)
    .map(({ canonical }) => canonical);
  if (before.length === 0) {
    return { kind: "new" };
  }
  if (before.includes(host.canonical)) return { kind: "known" };
  const endpoint = parseEndpoint(host.canonical);
  const isWithinAccount = before.some((each) => {
    const other = parseEndpoint(each);
    return endpoint !== undefined && other !== undefined && isSameAccount(endpoint, other);
  });
  return { kind: "changed", before, isWithinAccount };
}

/**
 * Adds a host that is new to the file, in one write, so that two runs at once lose nothing. Synchronous, because the tool
 * may end right after its login, and the program with it.
 */
export function rememberHost(file: string, host: KnownHost): void {
  addLine(file, host, (known) => known.length === 0);
}

/** What the file says last of a name. */
function lastKnown(file: string, name: string): string | undefined {
  return parse(load(file)).findLast(({ alias }) => alias === name)?.canonical;
}

/** Whether a server, HOST:PORT, is known to take TLS without an SSLRequest. */
export function isDirectTlsKnown(file: string, server: string): boolean {
  return lastKnown(file, server) === "direct-tls";
}

/** The instance that a database was last reached through. */
export function knownInstance(file: string, database: string): string | undefined {
  return lastKnown(file, database);
}

/** Adds the instance, where the file says otherwise. */
export function rememberInstance(file: string, database: string, instance: string): void {
  const line = { alias: database, canonical: instance };
  addLine(file, line, (known) => known.at(-1)?.canonical !== instance);
}

/** Adds how TLS with a server, HOST:PORT, begins, where the file says otherwise. */
export function rememberTls(file: string, server: string, how: "direct-tls" | "sslrequest"): void {
  const line = { alias: server, canonical: how };
  addLine(file, line, (known) => (known.at(-1)?.canonical ?? "sslrequest") !== how);
}

// Adds a line where what the file has of its first name asks for it.
function addLine(
  file: string,
  host: KnownHost,
  isWanted: (known: readonly KnownHost[]) => boolean,
): void {
  makeTrustedDirectory(dirname(file));
  const handle = openTrusted(file, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT);
  try {
    const text = readFileSync(file, "utf8");
    if (!isWanted(parse(text).filter(({ alias }) => alias === host.alias))) return;
    // Someone's editor may have left the last line without its end.
    const start = text === "" || text.endsWith("\n") ? "" : "\n";
    writeSync(handle, `${start}${host.alias} ${host.canonical}\n`);
  } finally {
    closeSync(handle);
  }
}

/** The error, and the words of the warning, for an alias that resolves to another host than before. */
export function changedHost(
  file: string,
  { alias, canonical }: KnownHost,
  { before, isWithinAccount }: Extract<Recognition, { readonly kind: "changed" }>,
): RdsIamError {
  const meaning = isWithinAccount
    ? "Account and Region are the same, as far as the names show."
    : "It is in another account or Region: an attacker who controls DNS can point an alias to a database of their own.";
  return new RdsIamError(`${alias} now points to ${canonical}, not to ${before.join(" or ")}`, {
    code: "ERR_HOST_CHANGED",
    detail: `${file} has the host from when a login there worked. ${meaning}`,
    hint: `If the change is intended: echo '${alias} ${canonical}' >> ${shellWord(file)}`,
  });
}

function load(file: string): string {
  try {
    return readTrusted(file).toString("utf8");
  } catch (error) {
    // Another user can write there. Where nothing is, there is nothing to notice.
    if (error instanceof RdsIamError && existsSync(file)) throw error;
    if (error instanceof RdsIamError) return "";
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") {
      return "";
    }
    throw new RdsIamError(`cannot read ${file}: ${code}`, {
      code: "ERR_CONFIG",
      detail: "It has the hosts that aliases resolved to before, so a change could not be noticed.",
      hint: `Check its permissions: ls -l ${shellWord(file)}; {--strict-host}=no logs in anyway.`,
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
