// The proxy alone in a process of its own, so that a test can watch its memory and descriptors from outside.
// Bundled by proxy-process.ts and started under any runtime: one line of JSON in (what to serve), one out (where it
// listens), then one out for each line in. Ends with its stdin, so that nothing is left when a test is killed.
import process from "node:process";
import { createInterface } from "node:readline";
import { backendSecureContext } from "../../src/proxy/backend-tls.ts";
import type { ProxyEvent } from "../../src/proxy/proxy-options.ts";
import { type Proxy, startProxy } from "../../src/proxy/proxy.ts";
import type { ChildOptions, ChildReport } from "./proxy-process.ts";

// What each runtime calls its garbage collector.
interface Collectors {
  readonly gc?: () => void;
  readonly Bun?: { readonly gc: (synchronously: boolean) => void };
}

const counts = { logins: 0, refused: 0, strangers: 0, wrongCancels: 0, rightCancels: 0 };
const uncaught: string[] = [];

function count(event: ProxyEvent): void {
  if (event.kind === "login") counts.logins += 1;
  if (event.kind === "refused") counts.refused += 1;
  if (event.kind === "unauthenticated") counts.strangers += 1;
  if (event.kind === "cancel" && event.found) counts.rightCancels += 1;
  if (event.kind === "cancel" && !event.found) counts.wrongCancels += 1;
}

function start(options: ChildOptions): Promise<Proxy> {
  const secureContext = backendSecureContext([options.ca]);
  return startProxy({
    backend: {
      host: options.host,
      port: options.port,
      verification: () => ({ secureContext, trust: "the test root" }),
      addresses: () => Promise.resolve([{ address: "127.0.0.1", family: 4 as const }]),
      connectTimeout: 5_000,
      loginTimeout: 5_000,
    },
    login: {
      kind: "auth token",
      get: () => Promise.resolve({ password: options.token, reused: false }),
    },
    onEvent: count,
    ...(options.loginTimeout === undefined ? {} : { loginTimeout: options.loginTimeout }),
  });
}

function report(): ChildReport {
  const { gc, Bun } = globalThis as Collectors;
  gc?.();
  Bun?.gc(true);
  const { rss, heapUsed } = process.memoryUsage();
  return { ...counts, uncaught, rss, heapUsed };
}

async function main(): Promise<void> {
  // As in the program. Without any, Deno panics once it is out of descriptors (ext/signals/lib.rs, 2.9.6).
  process.on("SIGHUP", () => process.exit(1));
  for (const kind of ["uncaughtException", "unhandledRejection"]) {
    process.on(kind, (error: unknown) => {
      uncaught.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    });
  }
  let proxy: Proxy | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    if (proxy === undefined) {
      proxy = await start(JSON.parse(line) as ChildOptions);
      void proxy.failed.then((error) => uncaught.push(`the listener closed: ${error.message}`));
      process.stdout.write(`${JSON.stringify({ port: proxy.port, secret: proxy.secret })}\n`);
    } else {
      process.stdout.write(`${JSON.stringify(report())}\n`);
    }
  }
  process.exit(0);
}

void main();
