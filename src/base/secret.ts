// Makes the secret that tools have to know.
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";

const LENGTH = 32; // bytes

/** A new secret, as text of 43 characters that need no quoting. */
export function randomSecret(): string {
  return (systemBytes() ?? randomBytes(LENGTH)).toString("base64url");
}

// Loading node:crypto takes Node 3 to 8 ms, and the tool would wait for it. Windows has no such file, and Deno can read it only with
// all permissions.
function systemBytes(): Buffer | undefined {
  try {
    const source = openSync("/dev/urandom", "r");
    try {
      const bytes = Buffer.alloc(LENGTH);
      return readSync(source, bytes) === LENGTH ? bytes : undefined;
    } finally {
      closeSync(source);
    }
  } catch {
    return undefined;
  }
}
