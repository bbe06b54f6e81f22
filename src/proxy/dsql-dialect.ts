// What a session with Aurora DSQL needs beside the copying of bytes: statements that it refuses and that change nothing succeed
// (protocol/dsql-statements.ts), its errors that mean "try again" say so, and its end after an hour has a reason.
// The statements go to the server as others, so only what its answers tell of the text is put right: command tags, and the
// positions in errors. For that the answers are counted, from one ReadyForQuery to the next.
// https://www.postgresql.org/docs/current/protocol-flow.html
import { Buffer } from "node:buffer";
import { addDetailAndHint, encodeFatalError, readErrorFields } from "../protocol/error-response.ts";
import {
  type PreparedSql,
  type RewrittenSql,
  rewriteForDsql,
  type SentTag,
} from "../protocol/dsql-statements.ts";
import { encodeMessage } from "../protocol/message.ts";
import { MessageStream } from "../protocol/message-stream.ts";
import type { Filter } from "./copy.ts";

const MAX_SQL = 16 * 1024 * 1024; // bytes; a longer text is not looked at
const MAX_ANSWER = 1024 * 1024; // bytes of a CommandComplete or an error
const LIFE = 60; // minutes
const NEARLY = (LIFE - 1) * 60_000; // ms

const HINTS: readonly {
  readonly sqlState: string;
  readonly text: RegExp;
  readonly hint: string;
}[] = [
  {
    sqlState: "40001",
    text: /\(OC\d+\)/,
    hint: "Run the whole transaction again: DSQL takes no locks, and detects conflicts at commit.",
  },
  { sqlState: "53400", text: /rate/, hint: "Try again a little later." },
  {
    sqlState: "54000",
    text: /row limit/,
    hint: "A transaction of DSQL can change 3,000 rows: commit more often.",
  },
];
const AGE_HINT = `Connect again: DSQL ends every connection after ${LIFE} minutes.`;

/** What a session with DSQL reports. */
export interface DialectReport {
  /** A statement was taken out, the first of its name. */
  readonly ignored: (statement: string) => void;
  /** The server ended the session for its age. */
  readonly expired: () => void;
}

// What the server was sent between two ReadyForQuery.
interface Batch {
  /** For each CommandComplete that is to come. */
  readonly tags: (SentTag | undefined)[];
  answered: number;
  shifts: RewrittenSql["shifts"];
  /** Whether its end was sent: a Query, or a Sync. */
  isClosed: boolean;
  isQuery: boolean;
  /** A COPY FROM STDIN: the server takes no notice of a Sync until its end was sent. */
  copy: "none" | "open" | "ended";
}

/** The two directions of a session with DSQL. */
export class DsqlDialect {
  readonly fromFrontend: Filter;
  readonly fromBackend: Filter;
  readonly #report: DialectReport;
  readonly #now: () => number;
  readonly #since: number;
  readonly #batches: Batch[] = [];
  readonly #reported = new Set<string>();
  // The tags of prepared statements (with an S) and portals (with a P) that are not the server's.
  readonly #preparedSql: PreparedSql = new Map();
  readonly #prepared = new Map<string, SentTag>();
  #isOver = false;

  constructor(report: DialectReport, now = (): number => performance.now()) {
    this.#report = report;
    this.#now = now;
    this.#since = now();
    const frontend = new MessageStream({ wants: this.#sends, replace: this.#send });
    const backend = new MessageStream({ wants: this.#answers, replace: this.#answer });
    this.fromFrontend = {
      pass: (chunk) => frontend.pass(chunk),
      rest: () => {
        this.#isOver = true;
        return frontend.rest();
      },
    };
    this.fromBackend = {
      pass: (chunk) => backend.pass(chunk),
      rest: () => (backend.isBetween ? this.#end() : backend.rest()),
    };
  }

  readonly #sends = (type: string, length: number): boolean => {
    switch (type) {
      case "Q":
        if (length > MAX_SQL) this.#close();
        return length <= MAX_SQL;
      case "P":
      case "E":
        return length <= MAX_SQL;
      case "B":
      case "C":
        return this.#prepared.size > 0 && length <= MAX_SQL;
      case "F": // FunctionCall has a ReadyForQuery of its own
      case "S":
        if (this.#open().copy !== "open") this.#close();
        return false;
      case "c":
      case "f":
        this.#open().copy = "ended";
        return false;
      case "X":
        this.#isOver = true;
    }
    return false;
  };

  readonly #send = (type: string, message: Buffer): Buffer => {
    if (type === "Q") return this.#query(message);
    if (type === "P") return this.#parse(message);
    const texts = message.toString("latin1", 5).split("\0", 2);
    switch (type) {
      case "B":
        this.#prepare(`P${texts[0]}`, this.#prepared.get(`S${texts[1]}`));
        break;
      case "C":
        this.#prepared.delete(texts[0] ?? "");
        break;
      case "E":
        this.#open().tags.push(this.#prepared.get(`P${texts[0]}`));
        this.#open().copy = "none";
    }
    return message;
  };

  #query(message: Buffer): Buffer {
    const end = message.indexOf(0, 5);
    const sql = end === message.length - 1 ? message.toString("latin1", 5, end) : "";
    const rewritten = this.#rewrite(sql, this.#preparedSql);
    this.#open().isQuery = true;
    this.#close(rewritten);
    if (rewritten === undefined) return message;
    return encodeMessage("Q", Buffer.from(`${rewritten.sql}\0`, "latin1"));
  }

  #parse(message: Buffer): Buffer {
    const start = message.indexOf(0, 5) + 1;
    const end = message.indexOf(0, start);
    if (start === 0 || end < 0) return message;
    const rewritten = this.#rewrite(message.toString("latin1", start, end));
    this.#prepare(`S${message.toString("latin1", 5, start - 1)}`, rewritten?.tags[0]);
    if (rewritten === undefined) return message;
    const sql = Buffer.from(rewritten.sql, "latin1");
    return encodeMessage("P", message.subarray(5, start), sql, message.subarray(end));
  }

  #rewrite(sql: string, prepared?: PreparedSql): RewrittenSql | undefined {
    const rewritten = rewriteForDsql(sql, prepared);
    for (const statement of rewritten?.ignored ?? []) {
      if (this.#reported.has(statement)) continue;
      this.#reported.add(statement);
      this.#report.ignored(statement);
    }
    return rewritten;
  }

  #prepare(name: string, tag: SentTag | undefined): void {
    if (tag === undefined) this.#prepared.delete(name);
    else this.#prepared.set(name, tag);
  }

  // The batch that is being sent.
  #open(): Batch {
    const last = this.#batches.at(-1);
    if (last?.isClosed === false) return last;
    const batch: Batch = {
      tags: [],
      answered: 0,
      shifts: [],
      isClosed: false,
      isQuery: false,
      copy: "none",
    };
    this.#batches.push(batch);
    return batch;
  }

  #close(rewritten?: RewrittenSql): void {
    const batch = this.#open();
    batch.tags.push(...(rewritten?.tags ?? []));
    batch.shifts = rewritten?.shifts ?? [];
    batch.isClosed = true;
  }

  readonly #answers = (type: string, length: number): boolean => {
    const [batch] = this.#batches;
    switch (type) {
      case "C":
      case "E":
      case "N":
        return length <= MAX_ANSWER;
      case "I": // EmptyQueryResponse and PortalSuspended stand for a CommandComplete
      case "s":
        if (batch !== undefined) batch.answered += 1;
        return false;
      case "G":
        if (batch !== undefined) this.#copyIn(batch);
        return false;
      case "Z":
        this.#batches.shift();
        return false;
    }
    return false;
  };

  readonly #answer = (type: string, message: Buffer): Buffer => {
    const [batch] = this.#batches;
    if (type === "C") {
      const tag = batch?.tags[batch.answered];
      if (batch !== undefined) batch.answered += 1;
      if (tag === undefined || message.toString("latin1", 5) !== "SET\0") return message;
      return tag === "" ? Buffer.alloc(0) : encodeMessage("C", Buffer.from(`${tag}\0`));
    }
    const moved = withPosition(type, message, batch?.shifts ?? []);
    if (type === "N") return moved;
    if (batch?.copy === "open") batch.copy = "ended";
    return this.#explain(moved);
  };

  // The COPY reads a Sync that came right behind its Execute, and passes over it: what follows belongs to the same batch.
  #copyIn(batch: Batch): void {
    if (batch.isQuery) return;
    while (batch.isClosed && batch.copy === "none") {
      const [next] = this.#batches.splice(1, 1);
      batch.isClosed = next?.isClosed ?? false;
      batch.copy = next?.copy ?? "none";
      batch.tags.push(...(next?.tags ?? []));
    }
    if (batch.copy === "none") batch.copy = "open";
  }

  #explain(message: Buffer): Buffer {
    const body = message.subarray(5);
    const fields = readErrorFields(body);
    const text = fields.get("M") ?? "";
    if (/^(?:FATAL|PANIC)$/.test(fields.get("V") ?? fields.get("S") ?? "")) {
      const isOld = this.#isOld();
      this.#isOver = true;
      return isOld ? addDetailAndHint(body, { hint: AGE_HINT }) : message;
    }
    const known = HINTS.find((hint) => hint.sqlState === fields.get("C") && hint.text.test(text));
    return known === undefined ? message : addDetailAndHint(body, known);
  }

  // Whether the end of the session is for its age.
  #isOld(): boolean {
    if (this.#isOver || this.#now() - this.#since < NEARLY) return false;
    this.#report.expired();
    return true;
  }

  // A server that closes the connection without a word.
  #end(): Buffer {
    if (!this.#isOld()) return Buffer.alloc(0);
    this.#isOver = true;
    return encodeFatalError({
      sqlState: "57P01", // admin_shutdown: drivers connect again
      message: `Aurora DSQL ended the connection, as it does after ${LIFE} minutes`,
      hint: AGE_HINT,
    });
  }
}

// Fields are strings between zero bytes; P is the position.
function withPosition(type: string, message: Buffer, shifts: RewrittenSql["shifts"]): Buffer {
  if (shifts.length === 0) return message;
  const body = message.toString("latin1", 5).replace(/\0P(\d+)\0/, (_, digits: string) => {
    const sent = Number(digits);
    const moved = shifts.reduce((sum, { at, by }) => (sent > at ? sum + by : sum), 0);
    return `\0P${sent - moved}\0`;
  });
  return encodeMessage(type, Buffer.from(body, "latin1"));
}
