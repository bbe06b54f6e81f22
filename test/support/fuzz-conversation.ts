// One attack of the fuzz test: sends it in pieces, answers what is asked, and always ends the connection itself, by FIN or
// RST, so that the proxy has no reason to wait.
import { Buffer } from "node:buffer";
import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import type { Attack } from "./fuzz-attacks.ts";
import type { Random } from "./random.ts";
import type { RawFrontend } from "./raw-frontend.ts";

const CANCEL_TIME = 5; // ms that a wrong cancel gets before its frontend leaves
const PATIENT = 400; // one in so many wrong cancels waits until the proxy closes it

/** What came of an attack. */
export interface Outcome {
  /** The last that the proxy sent. */
  readonly answer: Buffer;
  /** ms until the proxy closed a wrong cancel; undefined when that was not waited for. */
  readonly cancelDelay?: number;
}

/** Carries an attack out. */
export async function carryOut(
  frontend: RawFrontend,
  attack: Attack,
  from: Random,
): Promise<Outcome> {
  await sendInPieces(frontend, attack.send, from);
  if (attack.cancels) return leaveCancel(frontend, from);
  for (const reply of attack.replies) {
    const request = await frontend.message();
    if (request?.type !== "R") return { answer: Buffer.from(request?.type ?? "") };
    await sendInPieces(frontend, reply(request), from);
  }
  if (from.below(8) === 0) {
    frontend.socket.resetAndDestroy();
    await frontend.closed;
    return { answer: Buffer.from("RST") };
  }
  frontend.socket.end();
  const answer = await frontend.rest();
  frontend.socket.destroy();
  return { answer };
}

// The proxy makes a wrong cancel wait for a second; most do not wait that long, or 200,000 attacks would take hours.
async function leaveCancel(frontend: RawFrontend, from: Random): Promise<Outcome> {
  const started = performance.now();
  if (from.below(PATIENT) > 0) {
    await Promise.race([frontend.closed, delay(CANCEL_TIME)]);
    frontend.socket.resetAndDestroy();
    return { answer: await frontend.rest() };
  }
  frontend.socket.end();
  const answer = await frontend.rest();
  return { answer, cancelDelay: performance.now() - started };
}

async function sendInPieces(frontend: RawFrontend, bytes: Buffer, from: Random): Promise<void> {
  let rest = bytes;
  for (let cuts = from.below(4); cuts > 0 && !frontend.socket.destroyed; cuts -= 1) {
    const at = from.below(rest.length + 1);
    frontend.send(rest.subarray(0, at));
    rest = rest.subarray(at);
    await turn();
  }
  if (!frontend.socket.destroyed) frontend.send(rest);
}

/** Whether AuthenticationOk or AuthenticationSASLFinal stands anywhere in an answer. */
export function grantsAccess(answer: Buffer): boolean {
  const granted = ["R\0\0\0\x08\0\0\0\0", "\0\0\0\x0cv="];
  return granted.some((bytes) => answer.includes(bytes, 0, "latin1"));
}

/** An answer in a word: its SQLSTATE, or what else it was. */
export function verdict(answer: Buffer): string {
  const text = answer.toString("latin1");
  if (text === "RST") return "left with RST";
  const state = /\0C(\w{5})\0/.exec(text)?.[1];
  if (state !== undefined) return state;
  if (text.startsWith("EFATAL:  ")) return "2.0 error";
  return text === "" ? "silence" : "asked on, then closed";
}
