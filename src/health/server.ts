// An HTTP server that answers a handful of fixed paths: for probes and for Prometheus. It may listen beyond loopback, where
// any client can talk to it, so it reads as little as it can, waits for no client, and its answers hold no secret.
// https://nodejs.org/api/http.html#httpcreateserveroptions-requestlistener
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { HostPort } from "../base/host-port.ts";
import { listen } from "../base/listen.ts";

const MAX_HEADER_SIZE = 8 * 1024; // bytes; probes and Prometheus send a few hundred
const TIMEOUT = 5_000; // ms for a question, and between two on one connection
const MAX_CONNECTIONS = 64;

interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  /** text/plain when absent. */
  readonly contentType?: string | undefined;
}

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
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_SIZE, connectionsCheckingInterval: 1_000 },
    (request, response) => void answer(request, response, routes),
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.headersTimeout = TIMEOUT;
  server.requestTimeout = TIMEOUT;
  server.keepAliveTimeout = TIMEOUT;
  const port = await listen(server, address, "Choose another --health-port.");
  server.on("error", () => {});
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { port, [Symbol.asyncDispose]: close };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  routes: Routes,
): Promise<void> {
  const { status, body, contentType = "text/plain; charset=utf-8" } = await find(request, routes);
  response.setHeader("Content-Type", contentType);
  response.setHeader("Cache-Control", "no-store");
  response.setHeader("X-Content-Type-Options", "nosniff");
  if (status === 405) response.setHeader("Allow", "GET, HEAD");
  // A body that it may still send is not read.
  if (request.method !== "GET" && request.method !== "HEAD")
    response.setHeader("Connection", "close");
  response.writeHead(status, { "Content-Length": new TextEncoder().encode(body).length });
  response.end(request.method === "HEAD" ? undefined : body);
}

async function find({ method, url = "" }: IncomingMessage, routes: Routes): Promise<HttpAnswer> {
  if (method !== "GET" && method !== "HEAD") return { status: 405, body: "GET and HEAD only\n" };
  const [path = ""] = url.split("?", 1);
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
