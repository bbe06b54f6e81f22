// Time limits, and waiting that can be given up.
import type { Socket } from "node:net";

/** An AbortSignal that fires with `reason` after `ms`, when a parent aborts, or by abort(). */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  readonly abort: (reason: Error) => void;
  /** Starts anew, with another limit. */
  readonly restart: (ms: number) => void;
}

/** Starts a time limit of `ms` milliseconds. */
export function deadline(ms: number, reason: () => Error, parent?: AbortSignal): Deadline {
  const controller = new AbortController();
  const start = (limit: number) => setTimeout(() => controller.abort(reason()), limit);
  let timer = start(ms);
  const onParent = (): void => controller.abort(parent?.reason);
  if (parent?.aborted) onParent();
  parent?.addEventListener("abort", onParent, { once: true });
  return {
    signal: controller.signal,
    abort: (why) => controller.abort(why),
    restart: (limit) => {
      clearTimeout(timer);
      timer = start(limit);
    },
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      parent?.removeEventListener("abort", onParent);
    },
  };
}

/** The outcome of `work`, or the signal's reason (or another one) when that aborts first; the work goes on unheeded. */
export function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
  reason = (): Error => signal.reason as Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(reason());
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Resolves when `work` has, or after `ms`. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([work, new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}

/** Resolves when the socket has closed, or after `ms`. */
export function closesWithin(socket: Socket, ms: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    if (socket.closed) resolve();
    else socket.once("close", () => resolve());
  });
  return atMost(ms, closed);
}
