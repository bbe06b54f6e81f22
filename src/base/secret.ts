// Random bytes, and the secret that tools have to know.
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";

const LENGTH = 32; // bytes

/** A new secret, as text of 43 characters that need no quoting. */
export function randomSecret(): string {
  return unpredictableBytes(LENGTH).toString("base64url");
}

/**
 * Random bytes for what is needed before a tool starts: to load node:crypto takes Node 3 to 8 ms. Windows has no such file, and Deno
 * can read it only with all permissions.
 */
export function unpredictableBytes(length: number): Buffer {
  try {
    const source = openSync("/dev/urandom", "r");
    try {
      const bytes = Buffer.alloc(length);
      if (readSync(source, bytes) === length) return bytes;
    } finally {
      closeSync(source);
    }
  } catch {}
  return randomBytes(length);
}
