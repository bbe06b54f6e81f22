// The files of a relay: its configuration and, read elsewhere, its certificate, key and CAs. They are polled rather than
// watched, because Kubernetes changes mounted files by moving a symbolic link, which watchers miss.

import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { parseOwnFile } from "../config/own-file.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { readNamed } from "../base/trusted-file.ts";
import { readRelayConfig, type RelayConfig } from "./config.ts";

const INTERVAL = 2_000; // ms between two polls
const PATIENCE = 2; // polls that may fail while a file is being replaced

/** Reads and checks a relay's configuration file. */
export function loadRelayConfig(file: string): RelayConfig {
  return readRelayConfig(parseOwnFile(read(file), file), file);
}

function read(file: string): string {
  try {
    return readNamed(file).toString("utf8");
  } catch (cause) {
    if (cause instanceof RdsIamError) throw cause;
    throw new RdsIamError(`cannot read ${file}: ${errorCode(cause)}`, {
      code: "ERR_CONFIG",
      hint: "Check --config.",
      cause,
    });
  }
}

/**
 * The names and addresses of a relay's certificate, in lower case. Not its wildcards: another host under one could pass a
 * client's proof on.
 */
export function certificateHosts(cert: string): readonly string[] {
  const { subject, subjectAltName } = new X509Certificate(cert);
  const entries =
    subjectAltName === undefined
      ? [`DNS:${/^CN=(.*)$/m.exec(subject)?.[1]}`]
      : subjectAltName.split(", ");
  return entries.flatMap((entry) => {
    const host = /^(?:DNS|IP Address):([\w.:-]+)$/.exec(entry)?.[1];
    return host === undefined ? [] : [canonicalHost(host)];
  });
}

/** A host name in lower case without a final dot, an address in one spelling. */
export function canonicalHost(host: string): string {
  const address = isIP(host) === 6 ? new URL(`http://[${host}]`).hostname : host;
  return address.toLowerCase().replace(/\.$/, "");
}

/**
 * Calls back when the content of one of the files has changed, and waits for it before the next poll; `onUnreadable` gets the
 * reason, once, when a file cannot be read for longer than a change takes.
 */
export function watchRelayFiles(
  files: readonly string[],
  onChange: () => Promise<void>,
  onUnreadable: (reason: string) => void,
): AsyncDisposable {
  const stop = new AbortController();
  const watch = async (): Promise<void> => {
    let last = await contents(files).catch(() => undefined);
    let failures = 0;
    for (;;) {
      await delay(INTERVAL, undefined, { signal: stop.signal }).catch(() => {});
      if (stop.signal.aborted) return;
      try {
        const now = await contents(files);
        failures = 0;
        if (now === last || stop.signal.aborted) continue;
        last = now;
      } catch (error) {
        failures += 1;
        if (failures === PATIENCE) onUnreadable(error instanceof Error ? error.message : "");
        continue;
      }
      await onChange();
    }
  };
  const watching = watch();
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await watching;
    },
  };
}

async function contents(files: readonly string[]): Promise<string> {
  return (await Promise.all(files.map((file) => readFile(file, "latin1")))).join("\0");
}
