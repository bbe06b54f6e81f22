// Several proxies in a process of their own, for chaos.ts: one for each of its workers, all before the same database.
// Bundled and started under any runtime: one line of JSON in (what to serve), one out (where), then a report for each line.
import process from "node:process";
import { createInterface } from "node:readline";
import { backendSecureContext } from "../../src/proxy/backend-tls.ts";
import type { ProxyEvent } from "../../src/proxy/proxy-options.ts";
import { type Proxy, startProxy } from "../../src/proxy/proxy.ts";
import type { ChaosChildOptions, ChaosChildReport } from "./chaos-process.ts";

const counts = { logins: 0, closed: 0, refused: 0, cancels: 0 };
const uncaught: string[] = [];

function count(event: ProxyEvent): void {
  if (event.kind === "login") counts.logins += 1;
  if (event.kind === "closed") counts.closed += 1;
  if (event.kind === "refused") counts.refused += 1;
  if (event.kind === "cancel") counts.cancels += 1;
}

function start(options: ChaosChildOptions): Promise<Proxy[]> {
  const secureContext = backendSecureContext([options.ca]);
  const starting = options.ports.map((port) =>
    startProxy({
      backend: {
        host: options.host,
        port,
        verification: () => ({ secureContext, trust: "the test root" }),
        addresses: () => Promise.resolve([{ address: "127.0.0.1", family: 4 as const }]),
        connectTimeout: options.limit,
        loginTimeout: options.limit,
      },
      loginTimeout: options.limit,
      login: {
        kind: "auth token",
        get: () => Promise.resolve({ password: options.token, reused: false }),
      },
      onEvent: count,
    }),
  );
  return Promise.all(starting);
}

function report(): ChaosChildReport {
  return { ...counts, uncaught, rss: process.memoryUsage().rss };
}

async function main(): Promise<void> {
  for (const kind of ["uncaughtException", "unhandledRejection", "warning"]) {
    process.on(kind, (error: unknown) => {
      uncaught.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    });
  }
  let proxies: readonly Proxy[] | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    if (proxies === undefined) {
      proxies = await start(JSON.parse(line) as ChaosChildOptions);
      const places = proxies.map(({ port, secret }) => ({ port, secret }));
      process.stdout.write(`${JSON.stringify(places)}\n`);
    } else if (line === "dispose") {
      await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
      process.stdout.write(`${JSON.stringify(report())}\n`);
    } else {
      process.stdout.write(`${JSON.stringify(report())}\n`);
    }
  }
  process.exit(0);
}

void main();
