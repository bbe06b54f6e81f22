// Asks a session of our own a question: one Query, its rows, ReadyForQuery.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SIMPLE-QUERY
import { RdsIamError } from "../base/errors.ts";
import { readErrorFields } from "../protocol/error-response.ts";
import { MessageError, readMessage } from "../protocol/message.ts";
import { encodeQuery, encodeTerminate, readDataRow } from "../protocol/query.ts";
import type { BackendSession } from "./backend-login.ts";
import { deadline } from "../base/deadline.ts";
import { SocketReader } from "../base/socket-reader.ts";

const MAX_ANSWER = 1024 * 1024; // bytes; the questions are ours, and so is the length of their answers

/** A row's values in text format; undefined for NULL. */
export type QueryRow = readonly (string | undefined)[];

/** Answers the rows of `sql`; an ErrorResponse, or no answer in `timeout` ms, is an ERR_LOGIN or ERR_CONNECT. */
export async function simpleQuery(
  { socket }: Pick<BackendSession, "socket">,
  sql: string,
  { timeout, signal }: { readonly timeout: number; readonly signal: AbortSignal },
): Promise<readonly QueryRow[]> {
  using limit = deadline(timeout, () => noAnswer(sql, timeout), signal);
  const reader = new SocketReader(socket, MAX_ANSWER);
  const rows: QueryRow[] = [];
  let refusal: RdsIamError | undefined;
  try {
    socket.write(encodeQuery(sql));
    for (;;) {
      const message = await reader.take(
        (bytes) => readMessage(bytes, () => MAX_ANSWER),
        limit.signal,
      );
      if (message.type === "E") refusal = refused(sql, readErrorFields(message.body));
      if (message.type === "Z") break;
      if (message.type !== "D") continue;
      const row = readDataRow(message.body);
      if (row === undefined) throw new MessageError("a DataRow is malformed");
      rows.push(row);
    }
  } finally {
    reader.detach();
  }
  if (refusal !== undefined) throw refusal;
  return rows;
}

/** Ends a session as a frontend should. */
export function endSession({ socket }: Pick<BackendSession, "socket">): void {
  if (!socket.destroyed) socket.end(encodeTerminate());
}

function refused(sql: string, fields: ReadonlyMap<string, string>): RdsIamError {
  const { C: sqlState, M: message } = Object.fromEntries(fields);
  return new RdsIamError(`the query failed: ${sql}`, {
    code: "ERR_LOGIN",
    detail: `The database reported ${sqlState ?? "nothing"}: ${message ?? ""}.`,
  });
}

function noAnswer(sql: string, timeout: number): RdsIamError {
  return new RdsIamError(`no answer to the query in ${timeout / 1_000} s: ${sql}`, {
    code: "ERR_CONNECT",
    detail: "The login worked, then the server went silent.",
    hint: "Look at the database's load, and at what in between ends quiet connections.",
  });
}
