// Thousands of requests that no relay should take, against a relay in a process of its own: what stays behind?
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { relayTunnel } from "../../src/via/relay.ts";
import { startTestRelay } from "./relay-scene.ts";
import { connectRequest, nonceOf, proofFields } from "./proof.ts";
import { type EchoStage, RULES, startEchoStage } from "./relay-stage.ts";

const AT_ONCE = 50;
const PATIENCE = 20_000; // ms

/** What a run measured; undefined where there is no /proc. */
export interface HostileResult {
  readonly requests: number;
  readonly milliseconds: number;
  readonly memoryBefore: number | undefined;
  readonly memoryAfter: number | undefined;
  readonly descriptorsBefore: number | undefined;
  readonly descriptorsAfter: number | undefined;
  /** Connections that the database has got from them. */
  readonly reached: number;
  /** Whether a good session worked afterwards. */
  readonly works: boolean;
}

interface Aim {
  readonly stage: EchoStage;
  readonly port: number;
}

/** Sends bad requests, `warmUp` of them before anything is measured. */
export async function sendBadRequests(count: number, warmUp: number): Promise<HostileResult> {
  await using stage = await startEchoStage();
  await using relay = await startTestRelay(stage, { rules: RULES });
  const aim = { stage, port: relay.port };
  const pid = relay.child.pid ?? 0;
  await hammer(aim, warmUp);
  const idle = await settled(pid);
  const memoryBefore = memory(pid);
  const started = performance.now();
  await hammer(aim, count);
  const milliseconds = performance.now() - started;
  const reached = stage.connections.size;
  const descriptorsAfter = await settled(pid, idle);
  const memoryAfter = memory(pid);
  return {
    requests: count,
    milliseconds,
    memoryBefore,
    memoryAfter,
    descriptorsBefore: idle,
    descriptorsAfter,
    reached,
    works: await goodSession(aim),
  };
}

// What is wrong with each is named by the test of the relay's refusals; here it is the mixture that counts.
const KINDS: readonly ((aim: Aim) => Promise<void>)[] = [
  ({ port }) => plain(port, "GET / HTTP/1.1\r\n\r\n"),
  ({ port }) => plain(port, Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]), true),
  ({ port }) => plain(port, "", true),
  (aim) => secured(aim, async (send) => send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")),
  (aim) => secured(aim, async (send) => send(`CONNECT a:1 HTTP/1.1\r\nX: ${"x".repeat(20_000)}`)),
  (aim) => secured(aim, async (send) => send("\0\u0001\u00ff".repeat(6_000))),
  (aim) => secured(aim, async (send) => send(connectRequest("169.254.169.254", 80)), true),
  (aim) => secured(aim, async () => {}, true),
  (aim) =>
    secured(aim, async (send, head) => {
      send(connectRequest(aim.stage.canonicalHost, aim.stage.gateway.port));
      const fields = await proofFields(nonceOf(await head()));
      send(connectRequest(aim.stage.canonicalHost, aim.stage.gateway.port, ...fields));
    }),
];

async function hammer(aim: Aim, count: number): Promise<void> {
  const turns = Array.from({ length: count }, (_, index) => index).values();
  const work = async (): Promise<void> => {
    for (const turn of turns) await KINDS[turn % KINDS.length]?.(aim);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

// With `rude` the client is gone before it is answered.
async function plain(port: number, bytes: string | Buffer, rude = false): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  await Promise.race([once(socket, "connect"), once(socket, "close")]);
  socket.resume();
  socket.end(bytes, () => {
    if (rude) socket.destroy();
  });
  await closed(socket);
}

type Talk = (send: (text: string) => void, head: () => Promise<string>) => Promise<void>;

async function secured({ port, stage }: Aim, talk: Talk, rude = false): Promise<void> {
  const socket = connectTls({
    host: "127.0.0.1",
    port,
    servername: "localhost",
    ca: stage.authority.cert,
  });
  socket.on("error", () => {});
  let bytes = "";
  let wake = (): void => {};
  socket.on("data", (chunk: Buffer) => {
    bytes += chunk.toString("latin1");
    wake();
  });
  socket.on("close", () => wake());
  await Promise.race([once(socket, "secureConnect"), once(socket, "close")]);
  const head = async (): Promise<string> => {
    while (!bytes.includes("\r\n\r\n") && !socket.destroyed) {
      await new Promise<void>((resolve) => (wake = resolve));
    }
    return bytes;
  };
  await talk((text) => void socket.write(text, "latin1"), head);
  if (rude) socket.destroy();
  await closed(socket);
}

async function closed(socket: Socket): Promise<void> {
  const late = setTimeout(() => socket.destroy(), PATIENCE);
  if (!socket.closed) await once(socket, "close");
  clearTimeout(late);
}

async function goodSession({ port, stage }: Aim): Promise<boolean> {
  const address = { host: "localhost", port, ca: stage.caFile, client: undefined };
  await using tunnel = await relayTunnel(address, stage.prove);
  const target = {
    host: stage.canonicalHost,
    port: stage.gateway.port,
    address: stage.canonicalHost,
  };
  const stream = await tunnel.open(target, AbortSignal.timeout(PATIENCE));
  stream.resume().write("hello");
  const [chunk] = (await once(stream, "data")) as [Buffer];
  stream.destroy();
  return chunk.toString() === "hello";
}

function memory(pid: number): number | undefined {
  try {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return Number(line?.[1]) * 1_024;
  } catch {
    return undefined;
  }
}

// Sockets that were ended a moment ago may take one more.
async function settled(pid: number, wanted = 0): Promise<number | undefined> {
  const end = performance.now() + (wanted === 0 ? 2_000 : PATIENCE);
  for (;;) {
    const now = descriptors(pid);
    if (now === undefined || now <= wanted || performance.now() > end) return now;
    await delay(50);
  }
}

function descriptors(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
}
