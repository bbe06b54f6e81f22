// Opens the WebSocket of a data channel.

import type { Agent } from "node:http";
import { WebSocket } from "ws";

const MOST_PAYLOAD = 64 * 1024; // bytes of one message

/** How a WebSocket is dialed. */
export interface SocketOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Dials, through a proxy where there is one; the runtime's own when absent. */
  readonly agent: Agent | undefined;
}

/** Resolves with an open WebSocket; rejects with the system's error, one with the answer's HTTP status, or the signal's reason. */
export function openWebSocket(options: SocketOptions, signal: AbortSignal): Promise<WebSocket> {
  const { agent, headers, url } = options;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = new WebSocket(url, {
      agent,
      headers: { ...headers },
      perMessageDeflate: false,
      maxPayload: MOST_PAYLOAD,
    });
    const settle = (): void => signal.removeEventListener("abort", onAbort);
    const fail = (error: Error): void => {
      settle();
      reject(error);
      socket.terminate();
    };
    const onAbort = (): void => fail(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    // Whatever comes after the outcome is followed by a close.
    socket.on("error", fail);
    socket.once("unexpected-response", (_request, answer) => {
      answer.resume();
      fail(new Error(`It answered with HTTP status ${answer.statusCode}.`));
    });
    socket.once("open", () => {
      settle();
      resolve(socket);
    });
  });
}
