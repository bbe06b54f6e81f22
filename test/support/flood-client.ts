// Opens silent sockets as fast as they connect and waits until every one is closed: argv holds the port, how many,
// and how many at a time. A process of its own, so that it does not slow down what the test measures.
import { connect } from "node:net";
import process from "node:process";
import type { FloodReport } from "./flood.ts";

const [port = 0, sockets = 0, batch = 1] = process.argv.slice(2).map(Number);

interface Silent {
  readonly connected: Promise<boolean>;
  readonly closed: Promise<unknown>;
}

let said = 0;

function open(): Silent {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("data", (bytes) => (said += bytes.length));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  const connected = new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.on("error", () => resolve(false));
  });
  return { connected, closed };
}

async function main(): Promise<void> {
  const started = performance.now();
  const all: Silent[] = [];
  let failed = 0;
  while (all.length < sockets) {
    const opened = Array.from({ length: Math.min(batch, sockets - all.length) }, open);
    all.push(...opened);
    for (const { connected } of opened) if (!(await connected)) failed += 1;
  }
  const openedAfter = performance.now() - started;
  process.stdout.write("opened\n");
  for (const { closed } of all) await closed;
  const closedAfter = performance.now() - started;
  const opened = all.length - failed;
  const report: FloodReport = { opened, failed, said, openedAfter, closedAfter };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

void main();
