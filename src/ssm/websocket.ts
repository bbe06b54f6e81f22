// Opens the WebSocket of a data channel, or of another tunnel that AWS carries in one.

import type { Agent } from "node:http";
import type { Duplex } from "node:stream";
import type { RdsIamError } from "../base/errors.ts";
import { createWebSocketStream, WebSocket } from "ws";

const MOST_PAYLOAD = 64 * 1024; // bytes of one message of a data channel

/** How a WebSocket is dialed. */
export interface SocketOptions {
  readonly url: string;
  /** They may be a secret. */
  readonly headers: Readonly<Record<string, string>>;
  /** Dials, through a proxy where there is one; the runtime's own when absent. */
  readonly agent: Agent | undefined;
  /** The longest message that is taken, in bytes; that of a data channel when absent. */
  readonly mostPayload?: number | undefined;
}

/** How a WebSocket of AWS's is dialed, and the error for a failure, where it is known better than by the dialer. */
export interface SocketDial extends SocketOptions {
  readonly explain: (error: unknown) => RdsIamError | undefined;
}

/** Resolves with an open WebSocket; rejects with the system's error, one with the answer's HTTP status, or the signal's reason. */
export function openWebSocket(options: SocketOptions, signal: AbortSignal): Promise<WebSocket> {
  const { agent, headers, mostPayload = MOST_PAYLOAD, url } = options;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = new WebSocket(url, {
      agent,
      headers: { ...headers },
      perMessageDeflate: false,
      maxPayload: mostPayload,
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

/** An open WebSocket whose messages are the bytes of one connection. */
export function webSocketStream(socket: WebSocket): Duplex {
  return createWebSocketStream(socket, { allowHalfOpen: true });
}
