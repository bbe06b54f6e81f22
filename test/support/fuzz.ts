// Sends malformed packets, SASL messages and cancels to a proxy in a process of its own, and judges what came of it.
// Good logins go on in between, on the same proxy and with a backend that would answer, so that "nobody got in" means it.
import { Buffer } from "node:buffer";
import { setTimeout as delay } from "node:timers/promises";
import { type CancelKey, GENERATORS, type Knowledge } from "./fuzz-attacks.ts";
import { carryOut, grantsAccess, verdict } from "./fuzz-conversation.ts";
import { CLIENT_FIRST, rightInitialResponse } from "./fuzz-sasl.ts";
import { type ChildReport, type ProxyProcess, startProxyProcess } from "./proxy-process.ts";
import { random } from "./random.ts";
import { clientFinal, int32, RawFrontend, startup } from "./raw-frontend.ts";
import {
  ASK_CLEARTEXT,
  AUTHENTICATION_OK,
  message,
  READY,
  startBackend,
} from "./scripted-backend.ts";

// At once: with the sockets that the proxy has not let go of yet this stays under the 64 that it allows.
const PARALLEL = 24;
const LOGINS = 50; // good ones in between
const WARM_UP = 4_000; // attacks before memory is compared: code is compiled and pools are filled by then
const HANG = 5_000; // ms; the proxy's own limits for a peer that has ended are far below

/** What a run is. */
export interface FuzzOptions {
  readonly seed: number;
  readonly attacks: number;
  /** The proxy's runtime; this Node when absent. */
  readonly program?: string | undefined;
}

/** What came of a run. */
export interface FuzzResult {
  readonly options: FuzzOptions;
  readonly milliseconds: number;
  /** Attacks that the proxy answered with AuthenticationSASLFinal or AuthenticationOk. */
  readonly authenticated: readonly string[];
  readonly hung: readonly string[];
  readonly unconnected: readonly string[];
  /** ms until the proxy closed a wrong cancel, at most; undefined when none was waited for. */
  readonly cancelDelay: number | undefined;
  /** How often each was the last answer: an SQLSTATE, or silence. */
  readonly answers: ReadonlyMap<string, number>;
  readonly goodLogins: number;
  readonly openSessions: number;
  readonly backendConnections: number;
  /** After the warm-up, after half of the attacks, and after all. */
  readonly before: Measured;
  readonly middle: Measured;
  readonly after: Measured;
}

/** The proxy's process at one moment. */
export interface Measured extends ChildReport {
  readonly descriptors: number | undefined;
}

interface Run {
  readonly options: FuzzOptions;
  readonly proxy: ProxyProcess;
  readonly known: Knowledge;
  readonly authenticated: string[];
  readonly hung: string[];
  readonly unconnected: string[];
  cancelDelay: number | undefined;
  readonly answers: Map<string, number>;
  next: number;
  goodLogins: number;
}

const KEYS: readonly CancelKey[] = [
  { processId: 4242, secretKey: Buffer.from("01020304", "hex") },
  { processId: 4243, secretKey: Buffer.alloc(32, 7) },
];

/** Runs the attacks. */
export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  let logins = 0;
  await using backend = await startBackend(async (peer) => {
    await peer.packet();
    const key = KEYS[logins++] ?? { processId: logins, secretKey: Buffer.alloc(16, logins) };
    peer.send(ASK_CLEARTEXT);
    await peer.message();
    peer.send(AUTHENTICATION_OK, message("K", int32(key.processId), key.secretKey), READY);
    for (;;) peer.send(message("D", (await peer.message()).body), READY);
  });
  await using proxy = await startProxyProcess(backend, options);
  const sessions: RawFrontend[] = [];
  for (const _key of KEYS) sessions.push(await logIn(proxy));
  const known = { secret: proxy.secret, recorded: await record(proxy), keys: KEYS };
  const lists = { authenticated: [], hung: [], unconnected: [], answers: new Map() };
  const run: Run = {
    options,
    proxy,
    known,
    ...lists,
    next: 0,
    goodLogins: 0,
    cancelDelay: undefined,
  };
  const started = performance.now();
  await attackUpTo(run, Math.min(WARM_UP, options.attacks / 4));
  const before = await settle(proxy, undefined);
  await attackUpTo(run, options.attacks / 2);
  const middle = await settle(proxy, before.descriptors);
  await attackUpTo(run, options.attacks);
  for (const session of sessions) await query(session);
  const milliseconds = performance.now() - started;
  const after = await settle(proxy, before.descriptors);
  for (const { socket } of sessions) socket.destroy();
  const counted = { openSessions: KEYS.length, backendConnections: backend.connections() };
  const { answers, goodLogins, cancelDelay } = run;
  const came = { ...lists, answers, goodLogins, cancelDelay };
  return { options, ...came, ...counted, milliseconds, before, middle, after };
}

async function attackUpTo(run: Run, end: number): Promise<void> {
  const loginEvery = Math.ceil(run.options.attacks / LOGINS);
  const worker = async (): Promise<void> => {
    while (run.next < end) {
      const number = run.next++;
      await attackOnce(run, number);
      if (number % loginEvery === 0) await logInAndOut(run);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

async function logInAndOut(run: Run): Promise<void> {
  const session = await logIn(run.proxy);
  await query(session);
  run.goodLogins += 1;
  session.socket.destroy();
}

async function logIn(proxy: ProxyProcess): Promise<RawFrontend> {
  const frontend = new RawFrontend(proxy.port);
  frontend.send(startup({ user: "app" }, 196_610));
  await frontend.prove(proxy.secret);
  const types = (await frontend.messages("EZ")).map(({ type }) => type).join("");
  if (types !== "RKZ") throw new Error(`a good login was answered with ${types || "nothing"}`);
  return frontend;
}

async function query(session: RawFrontend): Promise<void> {
  session.send(message("Q", "select 1\0"));
  const [answer] = await session.messages("Z");
  if (answer?.body.toString() !== "select 1\0") throw new Error("a session lost its answer");
}

// A right client-final-message that was never sent.
async function record(proxy: ProxyProcess): Promise<string> {
  const frontend = new RawFrontend(proxy.port);
  frontend.send(startup({ user: "app" }));
  await frontend.message();
  frontend.send(rightInitialResponse());
  const challenge = await frontend.message();
  frontend.socket.destroy();
  return clientFinal(proxy.secret, CLIENT_FIRST, challenge?.body.toString("latin1", 4) ?? "");
}

async function attackOnce(run: Run, number: number): Promise<void> {
  const names = Object.keys(GENERATORS);
  const name = names[number % names.length] ?? "";
  const from = random(run.options.seed, number);
  const attack = GENERATORS[name]?.(from, run.known);
  if (attack === undefined) throw new TypeError(`no generator ${name}`);
  const label = `${name}, attack ${number}`;
  const frontend = new RawFrontend(run.proxy.port);
  frontend.socket.once("error", ({ code }: NodeJS.ErrnoException) => {
    if (code !== "ECONNRESET" && code !== "EPIPE") run.unconnected.push(`${label}: ${code}`);
  });
  const watch = setTimeout(() => {
    run.hung.push(label);
    frontend.socket.destroy();
  }, HANG);
  const { answer, cancelDelay } = await carryOut(frontend, attack, from);
  clearTimeout(watch);
  if (attack.isCancel && cancelDelay !== undefined)
    run.cancelDelay = Math.max(run.cancelDelay ?? 0, cancelDelay);
  if (grantsAccess(answer)) run.authenticated.push(label);
  const told = verdict(answer);
  run.answers.set(told, (run.answers.get(told) ?? 0) + 1);
}

// The proxy learns of the last frontends' ends within moments; descriptors that stay are a leak. Without a number to reach,
// the first one that lasts for a while is taken.
async function settle(proxy: ProxyProcess, wanted: number | undefined): Promise<Measured> {
  const end = performance.now() + HANG;
  let last = await measure(proxy);
  while (last.descriptors !== undefined && performance.now() < end) {
    if (wanted !== undefined && last.descriptors <= wanted) return last;
    await delay(200);
    const now = await measure(proxy);
    if (wanted === undefined && now.descriptors === last.descriptors) return now;
    last = now;
  }
  return last;
}

async function measure(proxy: ProxyProcess): Promise<Measured> {
  return { ...(await proxy.report()), descriptors: proxy.descriptors() };
}
