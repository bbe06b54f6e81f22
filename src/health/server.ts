// An HTTP server that answers a handful of fixed paths: for probes and for Prometheus. It may listen beyond loopback, where
// any client can talk to it, so it reads as little as it can, answers one request a connection, and its answers hold no secret.
// Not node:http: that shows silent connections on Node alone, and they must not keep a probe out.
// https://www.rfc-editor.org/rfc/rfc9112#section-9.6
import { Buffer } from "node:buffer";
import { createServer, type Socket } from "node:net";
import { ConnectionLimit } from "../base/connection-limit.ts";
import { atMost, closesWithin } from "../base/deadline.ts";
import type { HostPort } from "../base/host-port.ts";
import { listen, type ListenHints } from "../base/listen.ts";

const MAX_HEAD = 8 * 1024; // bytes; probes and Prometheus send a few hundred
const TIMEOUT = 5_000; // ms for a request
const FLUSH_TIMEOUT = 1_000; // ms for a client to read the answer
const MAX_CONNECTIONS = 64;
const HINTS: ListenHints = {
  port: "Choose another --health-port.",
  address: "Name an address of this machine: --health-address ADDRESS",
};
const ASKED = 2; // stage of a client whose request was read

const END = "\r\n\r\n";
// How a request begins; nothing else is waited for.
const MAY_BE_HTTP = /^(?:[A-Z]{1,20}(?: [^]*)?)?$/;
const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  /** text/plain when absent. */
  readonly contentType?: string | undefined;
}

const BAD_REQUEST: HttpAnswer = { status: 400, body: "not a request\n" };

// A path, and what makes its answer.
type Routes = Readonly<Record<string, () => HttpAnswer | Promise<HttpAnswer>>>;

/** A service that is watched. */
export interface WatchedService {
  readonly isStarting: () => boolean;
  /** Why it can take no more for now; nothing when it can. */
  readonly reasons: () => readonly string[] | Promise<readonly string[]>;
  readonly metrics: { readonly contentType: string; readonly text: () => Promise<string> };
}

/** Answers GET and HEAD for /startup, /readiness, /liveness and /metrics; rejects with ERR_CONNECT when the port cannot be had. */
export async function serveProbes(
  address: HostPort,
  { isStarting, reasons, metrics }: WatchedService,
): Promise<AsyncDisposable & { readonly port: number }> {
  const { contentType } = metrics;
  const routes: Routes = {
    "/startup": () => probe(isStarting() ? ["starting"] : []),
    "/readiness": async () => probe(await reasons()),
    "/liveness": () => probe([]),
    "/metrics": async () => ({ status: 200, contentType, body: await metrics.text() }),
  };
  const limit = new ConnectionLimit(MAX_CONNECTIONS, ASKED);
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on("error", () => {});
    socket.once("close", () => limit.leave(socket));
    limit.arrive(socket);
    void serve(socket, routes, () => limit.advance(socket, ASKED));
  });
  const port = await listen(server, address, HINTS);
  server.on("error", () => {});
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      limit.destroyAll();
    });
  return { port, [Symbol.asyncDispose]: close };
}

// Answers one request. What the client sends beyond it, a body for example, is read and dropped: unread bytes would turn the end
// into a reset.
async function serve(socket: Socket, routes: Routes, asked: () => void): Promise<void> {
  const head = await readHead(socket);
  if (socket.destroyed) return;
  asked();
  const [, method = "", target = ""] = /^([A-Z]+) (\/\S*) HTTP\/1\.[01]\r\n/.exec(head) ?? [];
  const isWhole = head.endsWith(END) && head.length <= MAX_HEAD;
  const answer = isWhole ? await find(method, target, routes) : incomplete(head);
  const { status, body, contentType = "text/plain; charset=utf-8" } = answer;
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status] ?? ""}`,
    `Content-Type: ${contentType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Cache-Control: no-store",
    "X-Content-Type-Options: nosniff",
    ...(status === 405 ? ["Allow: GET, HEAD"] : []),
    "Connection: close",
  ];
  socket.end(lines.join("\r\n") + END + (method === "HEAD" ? "" : body));
  await closesWithin(socket, FLUSH_TIMEOUT);
  socket.destroy();
}

// The bytes up to the end of the head; what has come when it is too long, takes too long, or the client ends.
async function readHead(socket: Socket): Promise<string> {
  let head = "";
  let isRead = false;
  const read = new Promise<void>((resolve) => {
    socket.on("data", (chunk: Buffer) => {
      if (isRead) return;
      head += chunk.toString("latin1");
      const end = head.indexOf(END);
      if (end >= 0) head = head.slice(0, end + END.length);
      if (end >= 0 || head.length > MAX_HEAD || !MAY_BE_HTTP.test(head)) resolve();
    });
    for (const event of ["end", "close"]) socket.once(event, () => resolve());
  });
  await atMost(TIMEOUT, read);
  isRead = true;
  return head;
}

function incomplete(head: string): HttpAnswer {
  if (!MAY_BE_HTTP.test(head)) return BAD_REQUEST;
  return head.length > MAX_HEAD
    ? { status: 431, body: "the request is too long\n" }
    : { status: 408, body: "the request took too long\n" };
}

async function find(method: string, target: string, routes: Routes): Promise<HttpAnswer> {
  if (target === "") return BAD_REQUEST;
  if (method !== "GET" && method !== "HEAD") return { status: 405, body: "GET and HEAD only\n" };
  const [path = ""] = target.split("?", 1);
  // Not one of the names that every object has: a path begins with a slash.
  const route = routes[path];
  if (route === undefined) return { status: 404, body: `${Object.keys(routes).join("\n")}\n` };
  try {
    return await route();
  } catch {
    return { status: 500, body: "internal error\n" };
  }
}

function probe(reasons: readonly string[]): HttpAnswer {
  if (reasons.length === 0) return { status: 200, body: "ok\n" };
  return { status: 503, body: `${reasons.join("\n")}\n` };
}
