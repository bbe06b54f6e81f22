// Thousands of requests that no relay should take, against a relay in a process of its own: what stays behind?
import type { Buffer } from "node:buffer";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTls, createSecureContext } from "node:tls";
import { relayTunnel } from "../../src/via/relay.ts";
import { startTestRelay } from "./relay-scene.ts";
import { connectRequest, nonceOf, proofFields } from "./proof.ts";
import { ENDPOINT } from "./relay-server-scene.ts";
import { type EchoStage, RULES, startEchoStage } from "./relay-stage.ts";

const AT_ONCE = 50;
const PATIENCE = 20_000; // ms
const UNVERIFIED = { secureContext: createSecureContext(), rejectUnauthorized: false };

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

/** The relay that requests are sent to, and what is behind it. */
export interface Aim {
  readonly port: number;
  readonly database: { readonly host: string; readonly port: number };
  /** The STS endpoint of the relay. */
  readonly sts: string;
}

/** A relay of a stage. */
export function aimAt({ canonicalHost: host, gateway, sts }: EchoStage, port: number): Aim {
  return { port, database: { host, port: gateway.port }, sts: sts.endpoint };
}

/** Sends bad requests, `warmUp` of them before anything is measured. */
export async function sendBadRequests(count: number, warmUp: number): Promise<HostileResult> {
  await using stage = await startEchoStage();
  await using relay = await startTestRelay(stage, { rules: RULES });
  const aim = aimAt(stage, relay.port);
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
    works: await goodSession(stage, relay.port),
  };
}

// What is wrong with each is named by the test of the relay's refusals; here it is the mixture that counts.
const KINDS: readonly ((aim: Aim) => Promise<void>)[] = [
  ({ port }) => plain(port, "GET / HTTP/1.1\r\n\r\n"),
  ({ port }) => plain(port, "\u0016\u0003\u0001\u0002\0\u0001", "leave"),
  ({ port }) => plain(port, "", "leave"),
  (aim) => secured(aim, async (send) => send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")),
  (aim) => secured(aim, async (send) => send(`CONNECT a:1 HTTP/1.1\r\nX: ${"x".repeat(20_000)}`)),
  (aim) => secured(aim, async (send) => send("\0\u0001\u00ff".repeat(6_000))),
  (aim) => secured(aim, async (send) => send(connectRequest("169.254.169.254", 80)), "leave"),
  (aim) => secured(aim, async () => {}, "leave"),
  // A proof for another endpoint, and one whose signature STS refuses.
  (aim) => secured(aim, sendProof(aim, ENDPOINT)),
  (aim) => secured(aim, sendProof(aim, aim.sts)),
];

// These stay until the relay closes them, in each of the steps of a login. Most are silent: that costs an attacker least.
const SILENT: typeof KINDS = [
  ({ port }) => plain(port, "", "stay"),
  ({ port }) => plain(port, "\u0016\u0003\u0001", "stay"),
];
const JUNK: typeof KINDS = [
  ...KINDS,
  (aim) => secured(aim, async () => {}),
  (aim) =>
    secured(aim, async (send, head) => {
      send(connectRequest(aim.database.host, aim.database.port));
      await head();
      send("CONNECT ");
    }),
  ...Array.from({ length: 12 }, () => SILENT).flat(),
];

/** Makes one bad connection, of another kind at each turn; resolves when it is closed. */
export async function sendJunk(aim: Aim, turn: number): Promise<void> {
  await JUNK[turn % JUNK.length]?.(aim);
}

function sendProof({ database: { host, port } }: Aim, endpoint: string): Talk {
  return async (send, head) => {
    send(connectRequest(host, port));
    const nonce = nonceOf(await head());
    const fields = await proofFields(nonce, (url) => url.replace(ENDPOINT, endpoint));
    send(connectRequest(host, port, ...fields));
  };
}

async function hammer(aim: Aim, count: number): Promise<void> {
  const turns = Array.from({ length: count }, (_, index) => index).values();
  const work = async (): Promise<void> => {
    for (const turn of turns) await KINDS[turn % KINDS.length]?.(aim);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

// A client that leaves is gone before it is answered.
async function plain(port: number, text: string, end?: "leave" | "stay"): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  await Promise.race([once(socket, "connect"), once(socket, "close")]);
  socket.resume();
  socket.write(text, "latin1");
  if (end !== "stay") socket.end(() => end === "leave" && socket.destroy());
  await closed(socket);
}

type Talk = (send: (text: string) => void, head: () => Promise<string>) => Promise<void>;

async function secured({ port }: Aim, talk: Talk, end?: "leave"): Promise<void> {
  const socket = connectTls({ ...UNVERIFIED, host: "127.0.0.1", port });
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
  if (end === "leave") socket.destroy();
  await closed(socket);
}

async function closed(socket: Socket): Promise<void> {
  const late = setTimeout(() => socket.destroy(), PATIENCE);
  if (!socket.closed) await once(socket, "close");
  clearTimeout(late);
}

/** Whether a good client gets a session within `patience` ms in which the database answers; rejects when it gets none. */
export async function goodSession(
  { caFile, canonicalHost: host, gateway, prove }: EchoStage,
  port: number,
  patience = PATIENCE,
): Promise<boolean> {
  const address = { host: "localhost", port, ca: caFile, client: undefined };
  await using tunnel = await relayTunnel(address, prove);
  const signal = AbortSignal.timeout(patience);
  const stream = await tunnel.open({ host, port: gateway.port, address: host }, signal);
  stream.resume().write("hello");
  const [chunk] = (await once(stream, "data", { signal })) as [Buffer];
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
