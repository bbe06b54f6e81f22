// A password file of libpq's with one line, whose auth token is always a young one: a token is good for 15 minutes, and a
// tool may connect again hours after its start. The file is replaced in one step, so that no reader finds half a line.
// https://www.postgresql.org/docs/current/libpq-pgpass.html
import { randomBytes } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const RENEWAL = 300_000; // ms; a token is never older than that, and has 10 minutes left
const MARGIN = 60_000; // ms before the end of a token that ends earlier, because its credentials do
const RETRY = 15_000; // ms

/** An auth token, and until when it is good. */
export interface TokenWithEnd {
  readonly token: string;
  readonly expiresAt: Date;
}

/** What a line of the file is for. */
export interface TokenFilePlace {
  /** As PGHOST has it. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/** How a token file is kept. */
export interface TokenFileOptions extends TokenFilePlace {
  /** Of the user's own, 0700. */
  readonly directory: string;
  /** The token to begin with. */
  readonly first: TokenWithEnd;
  /** Signs a new one. */
  readonly renew: () => Promise<TokenWithEnd>;
  /** Hears of each token that could not be had; the file keeps the one before. */
  readonly onFailure: (error: unknown) => void;
  /** Milliseconds. */
  readonly renewal?: number;
}

/** A token file that is kept fresh until it is disposed; removing it is the owner's affair. */
export interface TokenFile extends Disposable {
  readonly path: string;
}

/** Writes the file and keeps it fresh. */
export function keepTokenFile(options: TokenFileOptions): TokenFile {
  const path = join(options.directory, "pgpass");
  const { renewal = RENEWAL } = options;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const wait = (ms: number): void => {
    if (!closed) timer = setTimeout(() => void renew(), ms).unref();
  };
  const put = ({ token, expiresAt }: TokenWithEnd): void => {
    replaceFile(path, passwordLine(options, token));
    wait(
      Math.max(
        Math.min(renewal, expiresAt.getTime() - Date.now() - MARGIN),
        Math.min(RETRY, renewal),
      ),
    );
  };
  const renew = async (): Promise<void> => {
    try {
      const next = await options.renew();
      if (!closed) put(next);
    } catch (error) {
      options.onFailure(error);
      wait(Math.min(RETRY, renewal));
    }
  };
  put(options.first);
  return {
    path,
    [Symbol.dispose]: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** The line for a token: any database of this host, port and user. */
export function passwordLine({ host, port, user }: TokenFilePlace, token: string): string {
  const fields = [host, String(port), "*", escapeField(user), escapeField(token)];
  return `${fields.join(":")}\n`;
}

function escapeField(text: string): string {
  return text.replaceAll(/[\\:]/g, (character) => `\\${character}`);
}

// Synchronous: nothing may end this process between the writing and the renaming.
function replaceFile(path: string, text: string): void {
  const fresh = `${path}.${randomBytes(6).toString("hex")}`;
  writeFileSync(fresh, text, { mode: 0o600, flag: "wx" });
  renameSync(fresh, path);
}
