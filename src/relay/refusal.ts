// Refusals of a relay: a word for the client in X-Rdsiam-Refusal, which has the sentences for its user. The words are part of
// the protocol between the two; the message of a refusal is for the relay's own log.

import type { Caller } from "./access.ts";

/** The words, and the HTTP status that goes with each. */
export const REFUSALS = {
  "bad-request": 400,
  "identity-needed": 407,
  "identity-malformed": 403,
  "identity-expired": 403,
  "identity-refused": 403,
  "identity-unavailable": 503,
  certificate: 403,
  "not-allowed": 403,
  address: 403,
  dns: 502,
  unreachable: 502,
  busy: 503,
  "user-busy": 503,
  draining: 503,
} as const;

/** The reason of a refusal. */
export type RefusalWord = keyof typeof REFUSALS;

/** A request that is refused. */
export class RelayRefusal extends Error {
  override readonly name = "RelayRefusal";
  readonly word: RefusalWord;
  readonly status: number;
  /** The client, as far as it is proven. */
  readonly caller: Caller;

  constructor(
    word: RefusalWord,
    message: string,
    more: { readonly caller?: Caller | undefined; readonly status?: number | undefined } = {},
  ) {
    super(message);
    this.word = word;
    this.status = more.status ?? REFUSALS[word];
    this.caller = more.caller ?? {};
  }
}

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  405: "Method Not Allowed",
  407: "Proxy Authentication Required",
  431: "Request Header Fields Too Large",
  502: "Bad Gateway",
  503: "Service Unavailable",
};

/** The head of an HTTP answer, with `fields` behind its status line. */
export function encodeAnswer(status: number, fields: readonly string[]): string {
  const lines = [`HTTP/1.1 ${status} ${REASONS[status] ?? "Refused"}`, ...fields];
  return `${[...lines, "Content-Length: 0"].join("\r\n")}\r\n\r\n`;
}

/** The answer to a refused request, after which the relay closes. A proven ARN is sent to its owner alone. */
export function encodeRefusal({ caller, status, word }: RelayRefusal): string {
  const identity = caller.arn === undefined ? [] : [`X-Rdsiam-Identity: ${caller.arn}`];
  const allow = status === 405 ? ["Allow: CONNECT"] : [];
  return encodeAnswer(status, [
    `X-Rdsiam-Refusal: ${word}`,
    ...identity,
    ...allow,
    "Connection: close",
  ]);
}
