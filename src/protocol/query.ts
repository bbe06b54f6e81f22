// The simple query: Query, DataRow and Terminate.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SIMPLE-QUERY
import type { Buffer } from "node:buffer";
import { encodeMessage, encodeString } from "./message.ts";

/** Encodes Query. */
export function encodeQuery(sql: string): Buffer {
  return encodeMessage("Q", encodeString(sql));
}

/** Encodes Terminate. */
export function encodeTerminate(): Buffer {
  return encodeMessage("X");
}

/** Decodes the body of DataRow, text format; undefined for a NULL; undefined as a whole when it is malformed. */
export function readDataRow(body: Buffer): readonly (string | undefined)[] | undefined {
  if (body.length < 2) return undefined;
  const values: (string | undefined)[] = [];
  let offset = 2;
  for (let left = body.readUInt16BE(0); left > 0; left -= 1) {
    if (body.length < offset + 4) return undefined;
    const length = body.readInt32BE(offset);
    offset += 4;
    if (length < -1 || body.length < offset + length) return undefined;
    values.push(length === -1 ? undefined : body.toString("utf8", offset, offset + length));
    offset += Math.max(0, length);
  }
  return offset === body.length ? values : undefined;
}
