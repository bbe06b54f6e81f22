// Opens thousands of silent sockets to a proxy in a process of its own while a session and new logins go on.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { bundle, type ChildReport, type ProxyProcess, startProxyProcess } from "./proxy-process.ts";
import { RawFrontend, startup } from "./raw-frontend.ts";
import { logIn, message, READY, startBackend } from "./scripted-backend.ts";

const LOGIN_PAUSE = 25; // ms between the good logins of a flood
const LOGIN_LIMIT = 5_000; // ms, within which a good login must have worked

/** What a run is. */
export interface FloodOptions {
  readonly sockets: number;
  /** How many of them connect at the same time. */
  readonly batch: number;
  /** ms that the proxy gives a connection to prove the secret. */
  readonly loginTimeout: number;
  /** ms for which the session is measured before the flood. */
  readonly quiet: number;
  /** The proxy's runtime; this Node when absent. */
  readonly program?: string | undefined;
}

/** What the silent sockets saw; times in ms since the first was opened. */
export interface FloodReport {
  readonly opened: number;
  readonly failed: number;
  /** Bytes that the proxy sent to them. */
  readonly said: number;
  readonly openedAfter: number;
  readonly closedAfter: number;
}

/** What came of a run. */
export interface FloodResult extends FloodReport {
  /** ms that the session's queries took, sorted. */
  readonly quiet: readonly number[];
  readonly flooded: readonly number[];
  /** ms that good logins took, sorted; Infinity for one that failed. */
  readonly logins: readonly number[];
  readonly descriptorsBefore: number | undefined;
  readonly descriptorsMost: number | undefined;
  readonly descriptorsAfter: number | undefined;
  readonly peakMemory: number | undefined;
  readonly report: ChildReport;
}

/** Floods. */
export async function flood(options: FloodOptions): Promise<FloodResult> {
  await using backend = await startBackend(async (peer) => {
    await logIn(peer);
    for (;;) peer.send(message("D", (await peer.message()).body), READY);
  });
  await using proxy = await startProxyProcess(backend, options);
  const session = new RawFrontend(proxy.port);
  if (!(await loggedIn(session, proxy))) throw new Error("the session's own login failed");
  await measureQueries(session, () => delay(options.quiet / 4)); // warm-up
  const quiet = await measureQueries(session, () => delay(options.quiet));
  const descriptorsBefore = proxy.descriptors();
  const silent = await startFlood(proxy, options);
  const watch = watchDescriptors(proxy);
  const [flooded, logins] = await Promise.all([
    measureQueries(session, () => silent.opened),
    logInRepeatedly(proxy, silent.opened),
  ]);
  const finished = await silent.finished;
  const descriptorsMost = watch();
  const descriptorsAfter = await settle(proxy, descriptorsBefore);
  const report = await proxy.report();
  const peakMemory = proxy.peakMemory();
  session.socket.destroy();
  const descriptors = { descriptorsBefore, descriptorsMost, descriptorsAfter };
  return { ...finished, ...descriptors, quiet, flooded, logins, peakMemory, report };
}

/** The value below which 99 of 100 sorted ones are. */
export function p99(sorted: readonly number[]): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.99) - 1)] ?? Number.NaN;
}

interface Silent {
  readonly opened: Promise<unknown>;
  readonly finished: Promise<FloodReport>;
}

async function startFlood(proxy: ProxyProcess, options: FloodOptions): Promise<Silent> {
  const directory = mkdtempSync(join(tmpdir(), "rdsiam-flood-"));
  const file = join(directory, "flood.mjs");
  await bundle(join(import.meta.dirname, "flood-client.ts"), file);
  const words = [file, ...[proxy.port, options.sockets, options.batch].map(String)];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"], env: {} });
  child.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  const lines = linesOf(child);
  const opened = lines();
  const finished = opened.then(lines).then((line) => JSON.parse(line) as FloodReport);
  return { opened, finished };
}

function linesOf(child: ChildProcess): () => Promise<string> {
  if (child.stdout === null) throw new TypeError("the child has no pipe");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async () => {
    const line = await lines.next();
    if (line.done === true) throw new Error("the flood ended early");
    return line.value;
  };
}

async function loggedIn(frontend: RawFrontend, proxy: ProxyProcess): Promise<boolean> {
  frontend.send(startup({ user: "app" }));
  await frontend.prove(proxy.secret);
  return (await frontend.messages("EZ")).at(-1)?.type === "Z";
}

// One query after the other, until the given time is over.
async function measureQueries(
  session: RawFrontend,
  until: () => Promise<unknown>,
): Promise<number[]> {
  const times: number[] = [];
  let over = false;
  void until().finally(() => (over = true));
  while (!over) {
    const started = performance.now();
    session.send(message("Q", "select 1\0"));
    const answer = (await session.messages("Z"))[0]?.body.toString();
    if (answer !== "select 1\0") throw new Error("the session lost its answer");
    times.push(performance.now() - started);
  }
  return times.toSorted((left, right) => left - right);
}

async function logInRepeatedly(proxy: ProxyProcess, until: Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  let over = false;
  void until.finally(() => (over = true));
  do {
    const started = performance.now();
    const frontend = new RawFrontend(proxy.port);
    const late = setTimeout(() => frontend.socket.destroy(), LOGIN_LIMIT);
    times.push((await loggedIn(frontend, proxy)) ? performance.now() - started : Infinity);
    clearTimeout(late);
    frontend.socket.destroy();
    await delay(LOGIN_PAUSE);
  } while (!over);
  return times.toSorted((left, right) => left - right);
}

function watchDescriptors(proxy: ProxyProcess): () => number | undefined {
  let most = proxy.descriptors();
  const timer = setInterval(() => {
    const now = proxy.descriptors();
    if (now !== undefined) most = Math.max(most ?? 0, now);
  }, 50);
  return () => {
    clearInterval(timer);
    return most;
  };
}

async function settle(proxy: ProxyProcess, wanted = 0): Promise<number | undefined> {
  const end = performance.now() + LOGIN_LIMIT;
  while ((proxy.descriptors() ?? 0) > wanted && performance.now() < end) await delay(50);
  return proxy.descriptors();
}
