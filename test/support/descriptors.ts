// Lets a proxy in a process of its own run out of descriptors while sessions go on.
import { setTimeout as delay } from "node:timers/promises";
import { type ChildReport, type ProxyProcess, startProxyProcess } from "./proxy-process.ts";
import { RawFrontend, startup } from "./raw-frontend.ts";
import { logIn, message, READY, startBackend } from "./scripted-backend.ts";

const LIMIT = 64; // descriptors; a runtime takes up to 30 of them for itself
const SESSIONS = 8; // two descriptors each
const CROWD = 60; // silent connections: under the 64 that the proxy would thin out by itself
const QUERIES = 40;
const QUERY = `${"x".repeat(50_000)}\0`;
const PATIENCE = 5_000; // ms
const AT_MOST = 60_000; // ms for what takes a second on a machine with nothing else to do

/** What came of it. */
export interface Starved {
  /** Most descriptors that the proxy had; undefined where there is no /proc. */
  readonly descriptors: number | undefined;
  /** Sessions whose answers were right while there were none left, and after. */
  readonly during: number;
  readonly after: number;
  /** New logins that worked within a second while there were none left, of five. */
  readonly newDuring: number;
  /** ms from the first freed descriptor to a new login that worked; undefined when none did. */
  readonly recovered: number | undefined;
  /** Share of a processor that the proxy took while nothing went on but being out of descriptors. */
  readonly load: number | undefined;
  readonly report: ChildReport;
}

/** Runs the proxy out of descriptors under a runtime; this Node when none is given. */
export async function starve(program?: string): Promise<Starved> {
  await using backend = await startBackend(async (peer) => {
    await logIn(peer);
    for (;;) peer.send(message("D", (await peer.message()).body), READY);
  });
  await using proxy = await startProxyProcess(backend, { program, descriptorLimit: LIMIT });
  const sessions: RawFrontend[] = [];
  for (let count = 0; count < SESSIONS; count += 1) sessions.push(await session(proxy, AT_MOST));
  const crowd = Array.from({ length: CROWD }, () => new RawFrontend(proxy.port));
  const descriptors = await untilStarved(proxy);
  const load = await measureLoad(proxy);
  const during = await exchange(sessions);
  let newDuring = 0;
  for (let count = 0; count < 5; count += 1) newDuring += (await tryLogin(proxy, 1_000)) ? 1 : 0;
  for (const { socket } of crowd) socket.destroy();
  const recovered = await untilLogin(proxy);
  const after = await exchange(sessions);
  for (const { socket } of sessions) socket.destroy();
  const report = await proxy.report();
  return { descriptors, during, after, newDuring, recovered, load, report };
}

/**
 * What was broken, a sentence each; empty when it was good. Deno 2.9.6 never accepts again once accept() has run out of
 * descriptors, nor does it tell its listener so: `stalls` expects no more than that open sessions go on.
 */
export function starvationBroke(starved: Starved, stalls = false): readonly string[] {
  const broken = starved.report.uncaught.map((error) => `uncaught: ${error}`);
  const check = (good: boolean, text: string): void => void (good || broken.push(text));
  const { descriptors = LIMIT, during, after, newDuring } = starved;
  check(descriptors >= LIMIT - 2, `the proxy had only ${descriptors} descriptors`);
  check(newDuring < 5, "new logins worked all the same: the proxy was not out of descriptors");
  check(during === SESSIONS, `only ${during} of ${SESSIONS} sessions went on without descriptors`);
  check(after === SESSIONS, `only ${after} of ${SESSIONS} sessions went on afterwards`);
  check(
    stalls || starved.recovered !== undefined,
    "no new login worked once descriptors were free again",
  );
  return broken;
}

/** The figures, a line each. */
export function figuresOfStarvation(starved: Starved): readonly string[] {
  const { descriptors, during, after, newDuring, recovered, load } = starved;
  return [
    `out of descriptors at ${descriptors ?? "?"} of ${LIMIT}: sessions that went on ${during} of ${SESSIONS}, new logins ${newDuring} of 5, processor ${load === undefined ? "?" : (load * 100).toFixed()}%`,
    `with descriptors again: sessions ${after} of ${SESSIONS}, a new login after ${recovered?.toFixed() ?? "never"} ms`,
  ];
}

async function session(proxy: ProxyProcess, patience: number): Promise<RawFrontend> {
  const frontend = new RawFrontend(proxy.port);
  const late = setTimeout(() => frontend.socket.destroy(), patience);
  frontend.send(startup({ user: "app" }));
  await frontend.prove(proxy.secret);
  const last = (await frontend.messages("EZ")).at(-1);
  clearTimeout(late);
  if (last?.type === "Z") return frontend;
  frontend.socket.destroy();
  throw new Error(`the login ended with ${last?.type ?? "a closed connection"}`);
}

async function tryLogin(proxy: ProxyProcess, patience: number): Promise<boolean> {
  try {
    (await session(proxy, patience)).socket.destroy();
    return true;
  } catch {
    return false;
  }
}

async function untilStarved(proxy: ProxyProcess): Promise<number | undefined> {
  const end = performance.now() + PATIENCE;
  let most = proxy.descriptors();
  while (most !== undefined && most < LIMIT && performance.now() < end) {
    await delay(20);
    most = Math.max(most, proxy.descriptors() ?? 0);
    if (most >= LIMIT - 1 && performance.now() > end - PATIENCE + 500) break;
  }
  return most;
}

async function measureLoad(proxy: ProxyProcess): Promise<number | undefined> {
  const [before, started] = [proxy.processorTime(), performance.now()];
  await delay(500);
  const after = proxy.processorTime();
  if (before === undefined || after === undefined) return undefined;
  return ((after - before) * 1000) / (performance.now() - started);
}

// How many sessions answer every query rightly.
async function exchange(sessions: readonly RawFrontend[]): Promise<number> {
  const good = sessions.map(async (frontend) => {
    const late = setTimeout(() => frontend.socket.destroy(), AT_MOST);
    for (let count = 0; count < QUERIES; count += 1) {
      frontend.send(message("Q", QUERY));
      if ((await frontend.messages("Z"))[0]?.body.toString() !== QUERY) return false;
    }
    clearTimeout(late);
    return true;
  });
  return (await Promise.all(good)).filter(Boolean).length;
}

async function untilLogin(proxy: ProxyProcess): Promise<number | undefined> {
  const started = performance.now();
  while (performance.now() - started < 2 * PATIENCE) {
    if (await tryLogin(proxy, 1_000)) return performance.now() - started;
    await delay(50);
  }
  return undefined;
}
