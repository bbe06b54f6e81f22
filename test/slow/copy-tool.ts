// The tool of the memory tests, run by rdsiam: logs in with PG* alone, then COPY out with a pause in the middle, or
// COPY in without waiting for the server. It speaks with its starter in lines: `ready`, then `go` is awaited, then
// `paused`, then the figures as JSON; it stays until its stdin ends, so that the proxy's memory can be read.
// copy-tool.ts out SQL BYTES_BEFORE_PAUSE PAUSE_MS | in SQL ROWS
import { Buffer } from "node:buffer";
import { createHash, hash } from "node:crypto";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";

const ROWS_AT_ONCE = 64;

/** Row number `i` as COPY's text format has it: 1025 bytes. */
export function rowText(i: number): string {
  return `${hash("md5", String(i)).repeat(32)}\n`;
}

/** The same row in SQL, for a generate_series called `i`. */
export const ROW_SQL = "repeat(md5(i::text), 32)";

export const ROW_LENGTH = 1025;

interface CopyHandler {
  readonly onData?: (chunk: Buffer, stream: pg.Connection["stream"]) => void;
  readonly onSubmit?: (connection: pg.Connection) => void;
}

// node-postgres has no COPY of its own; these are the names under which it hands the messages over.
function copy(client: pg.Client, sql: string, handler: CopyHandler): Promise<string> {
  return new Promise((resolve, reject) => {
    let [tag, stream]: [string, pg.Connection["stream"] | undefined] = ["", undefined];
    client.query({
      submit: (connection: pg.Connection) => {
        stream = connection.stream;
        connection.query(sql);
        handler.onSubmit?.(connection);
      },
      handleCopyInResponse: () => {},
      handleCopyData: ({ chunk }: { chunk: Buffer }) => stream && handler.onData?.(chunk, stream),
      handleCommandComplete: ({ text }: { text: string }) => (tag = text),
      handleReadyForQuery: () => resolve(tag),
      handleError: reject,
    });
  });
}

async function copyOut(client: pg.Client, words: readonly string[]): Promise<object> {
  const [sql = "", pauseAt = "", pauseMs = ""] = words;
  const sum = createHash("sha256");
  let bytes = 0;
  let paused = false;
  const onData = (chunk: Buffer, stream: pg.Connection["stream"]): void => {
    sum.update(chunk);
    bytes += chunk.length;
    if (paused || bytes < Number(pauseAt)) return;
    paused = true;
    stream.pause();
    void delay(Number(pauseMs)).then(() => {
      say("resumed");
      stream.resume();
    });
    say("paused");
  };
  const tag = await copy(client, sql, { onData });
  return { tag, bytes, sha256: sum.digest("hex") };
}

// The data follows the query at once: the server, which waits for the table's lock, reads none of it yet.
async function copyIn(client: pg.Client, words: readonly string[]): Promise<object> {
  const [sql = "", rows = ""] = words;
  let sent: Promise<void> | undefined;
  const tag = await copy(client, sql, {
    onSubmit: ({ stream }) => {
      sent = sendRows(stream, Number(rows));
    },
  });
  await sent;
  return { tag };
}

async function sendRows(stream: pg.Connection["stream"], rows: number): Promise<void> {
  for (let first = 1; first <= rows; first += ROWS_AT_ONCE) {
    let text = "";
    for (let i = first; i < first + ROWS_AT_ONCE && i <= rows; i += 1) text += rowText(i);
    if (!stream.write(message("d", text))) await once(stream, "drain");
  }
  stream.write(message("c", ""));
}

function message(type: string, text: string): Buffer {
  const bytes = Buffer.from(`${type}....${text}`, "latin1");
  bytes.writeUInt32BE(bytes.length - 1, 1);
  return bytes;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main([verb, ...words]: readonly string[]): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  const closed = once(lines, "close");
  const client = new pg.Client();
  await client.connect();
  say("ready");
  await once(lines, "line");
  const figures = verb === "out" ? await copyOut(client, words) : await copyIn(client, words);
  say(JSON.stringify(figures));
  await closed;
  await client.end();
}

if (process.argv[1]?.endsWith("copy-tool.ts")) void main(process.argv.slice(2));
