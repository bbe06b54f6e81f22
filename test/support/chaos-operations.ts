// What a tool does while the connection breaks: log in, query, COPY in, COPY out, cancel. Each says whether the answer
// was complete and, when it was, compares all of it; an answer that is not complete is the error that a tool would show.
// https://www.postgresql.org/docs/current/protocol-flow.html
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { int32, packet, RawFrontend, type Received, startup } from "./raw-frontend.ts";

const ROWS = 400;
const LINES = 1_500;

export const OPERATIONS = ["login", "query", "copyOut", "copyIn", "cancel"] as const;
export type Operation = (typeof OPERATIONS)[number];

/** The table that copyIn writes to; `fault` is the number of the run. */
export const TABLE =
  "create table public.chaos (fault int, n int, line text); grant all on public.chaos to app_admin";

/** How a tool's work ended: all of it and exact, told as an error, or something that must not be. */
export type Verdict = "clean" | "error" | `wrong: ${string}`;

/** A tool on a proxy. */
export interface Tool {
  readonly port: number;
  readonly secret: string;
  /** The number of the run. */
  readonly fault: number;
  /** The fault may hit the CancelRequest, which then does nothing: the query must end by itself. */
  readonly cancelMayFail: boolean;
  /** Connections of this tool, in order. */
  readonly frontends: RawFrontend[];
  /** Whether the first connection has become ready. */
  ready: boolean;
}

/** Does one operation to its end, then terminates; resolves when the connections are closed. */
export async function operate(tool: Tool, operation: Operation): Promise<Verdict> {
  const frontend = open(tool);
  const key = await logIn(tool, frontend);
  const verdict = key === undefined ? "error" : await WORK[operation](tool, { frontend, key });
  frontend.send("X\0\0\0\x04");
  frontend.socket.end();
  await Promise.all(tool.frontends.map(({ closed }) => closed));
  return verdict;
}

interface Session {
  readonly frontend: RawFrontend;
  readonly key: Buffer;
}

const WORK: Readonly<Record<Operation, (tool: Tool, session: Session) => Promise<Verdict>>> = {
  login: () => Promise.resolve("clean"),
  query,
  copyOut,
  copyIn,
  cancel,
};

function open(tool: Tool): RawFrontend {
  const frontend = new RawFrontend(tool.port);
  tool.frontends.push(frontend);
  return frontend;
}

async function logIn(tool: Tool, frontend: RawFrontend): Promise<Buffer | undefined> {
  frontend.send(startup({ user: "app_admin", database: "orders" }));
  const final = await frontend.prove(tool.secret);
  if (final?.type !== "R") return undefined;
  const greeting = await frontend.messages("ZE");
  if (!isReady(greeting)) return undefined;
  tool.ready = true;
  return greeting.find(({ type }) => type === "K")?.body;
}

// The last message of a broken connection may be short.
function isReady(messages: readonly Received[]): boolean {
  const last = messages.at(-1);
  return last?.type === "Z" && last.body.length === 1;
}

function simpleQuery(sql: string): Buffer {
  return Buffer.concat([Buffer.from("Q"), packet(Buffer.from(`${sql}\0`))]);
}

function compare(found: string, wanted: string): Verdict {
  if (found === wanted) return "clean";
  return `wrong: ${found.length} bytes (${found.slice(0, 60)}...) for ${wanted.length}`;
}

async function query(_tool: Tool, { frontend }: Session): Promise<Verdict> {
  frontend.send(simpleQuery(`select i, md5(i::text) from generate_series(1, ${ROWS}) as i`));
  const messages = await frontend.messages("Z");
  if (!isReady(messages)) return "error";
  const rows = messages.filter(({ type }) => type === "D").map(({ body }) => rowText(body));
  const wanted = Array.from({ length: ROWS }, (_, index) => `${index + 1} ${md5(`${index + 1}`)}`);
  const tag = messages
    .find(({ type }) => type === "C")
    ?.body.subarray(0, -1)
    .toString("latin1");
  return compare([...rows, tag].join("\n"), [...wanted, `SELECT ${ROWS}`].join("\n"));
}

function rowText(body: Buffer): string {
  const fields: string[] = [];
  for (let at = 2; at < body.length;) {
    const length = body.readInt32BE(at);
    fields.push(body.toString("latin1", at + 4, at + 4 + length));
    at += 4 + length;
  }
  return fields.join(" ");
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}

async function copyOut(_tool: Tool, { frontend }: Session): Promise<Verdict> {
  frontend.send(
    simpleQuery(
      `copy (select repeat(i::text, 20) from generate_series(1, ${LINES}) as i) to stdout`,
    ),
  );
  const messages = await frontend.messages("Z");
  if (!isReady(messages)) return "error";
  const copied = messages.filter(({ type }) => type === "d").map(({ body }) => body);
  const wanted = Array.from({ length: LINES }, (_, index) => `${`${index + 1}`.repeat(20)}\n`);
  return compare(Buffer.concat(copied).toString("latin1"), wanted.join(""));
}

/** The lines that copyIn writes. */
export function copiedLines(fault: number): string[] {
  return Array.from({ length: LINES }, (_, n) => `${fault}\t${n}\t${`${n + fault}`.repeat(20)}\n`);
}

async function copyIn(tool: Tool, { frontend }: Session): Promise<Verdict> {
  frontend.send(simpleQuery("copy public.chaos from stdin"));
  const [answer] = await frontend.messages("GE");
  if (answer?.type !== "G") return "error";
  const lines = copiedLines(tool.fault).map((line) =>
    Buffer.concat([Buffer.from("d"), packet(Buffer.from(line))]),
  );
  frontend.send(...lines, "c\0\0\0\x04");
  const messages = await frontend.messages("Z");
  if (!isReady(messages)) return "error";
  return compare(messages[0]?.body.subarray(0, -1).toString("latin1") ?? "", `COPY ${LINES}`);
}

async function cancel(tool: Tool, { frontend, key }: Session): Promise<Verdict> {
  const seconds = tool.cancelMayFail ? 1.5 : 20;
  frontend.send(
    simpleQuery(`do $$ begin raise notice 'begun'; perform pg_sleep(${seconds}); end $$`),
  );
  const begun = await frontend.messages("NEZ");
  if (begun.at(-1)?.type !== "N") return "error";
  const canceller = open(tool);
  canceller.send(packet(int32(80_877_102), key));
  const answer = await canceller.rest();
  const messages = await frontend.messages("Z");
  if (answer.length > 0) return `wrong: a CancelRequest was answered with ${answer.length} bytes`;
  if (!isReady(messages)) return "error";
  const [first] = messages;
  if (first?.type === "E" && first.body.includes("C57014\0")) return "clean";
  return tool.cancelMayFail && first?.type === "C" ? "error" : "wrong: the query was not cancelled";
}
