// The generators of the fuzz test: each makes one attack, the same for the same random sequence and run's secret.
import { Buffer } from "node:buffer";
import * as packets from "./fuzz-packets.ts";
import * as sasl from "./fuzz-sasl.ts";
import type { Random } from "./random.ts";
import { clientFinal, password, type Received, startup } from "./raw-frontend.ts";

/** What an attacker knows, which is more than any should: the secret to make near misses of, and keys of open sessions. */
export interface Knowledge {
  readonly secret: string;
  /** The right client-final-message of an exchange that is over. */
  readonly recorded: string;
  readonly keys: readonly CancelKey[];
}

/** A session's key. */
export interface CancelKey {
  readonly processId: number;
  readonly secretKey: Buffer;
}

/** What to send first, and what in answer to each Authentication request after that. */
export interface Attack {
  readonly send: Buffer;
  readonly replies: readonly ((request: Received) => Buffer)[];
  /** Holds a CancelRequest: nothing is answered then, and the proxy closes after a second. */
  readonly cancels: boolean;
  /** Is one whole CancelRequest and nothing else: the only one that the proxy makes wait. */
  readonly isCancel: boolean;
}

type Generator = (from: Random, known: Knowledge) => Attack;

const CANCEL_REQUEST_CODE = Buffer.from("04d2162e", "hex");
const STARTUP = startup({ user: "app", database: "orders" });

/** The generators by name; attack number N is of generator N modulo their number. */
export const GENERATORS: Readonly<Record<string, Generator>> = {
  "mutated startup": (from) => first(packets.mutatedStartup(from)),
  "wrong length": (from) => first(packets.wrongLength(from)),
  "wrong code": (from) => first(packets.wrongCode(from)),
  pipelined: (from) => first(packets.pipelined(from)),
  "client hello": (from) => first(packets.clientHello(from)),
  "other protocol": (from) => first(packets.otherProtocol(from)),
  noise: (from) => first(packets.noise(from)),
  "sasl in one write": (from) =>
    first(Buffer.concat([STARTUP, sasl.rightInitialResponse(), sasl.wrongMessage(from)])),
  "wrong initial response": (from) => exchange([() => sasl.wrongInitialResponse(from)]),
  "wrong message": (from) => exchange([() => sasl.wrongMessage(from)]),
  "wrong message for a proof": (from) =>
    exchange([sasl.rightInitialResponse, () => sasl.wrongMessage(from)]),
  "tampered proof": (from, { secret }) =>
    exchange([
      sasl.rightInitialResponse,
      (request) => sasl.tamperedFinal(from, secret, serverFirst(request)),
    ]),
  "replayed proof": (from, { recorded }) =>
    exchange([
      sasl.rightInitialResponse,
      (request) => sasl.replayedFinal(from, recorded, serverFirst(request)),
    ]),
  "wrong secret": (from, { secret }) => {
    const wrong = from.pick(sasl.nearSecrets(secret));
    const final = (request: Received): string =>
      clientFinal(wrong, sasl.CLIENT_FIRST, serverFirst(request));
    return exchange([
      sasl.rightInitialResponse,
      (request) => password(Buffer.from(final(request))),
    ]);
  },
  "wrong cancel": (from, { keys }) => first(packets.wrongCancel(from, from.pick(keys))),
};

function first(send: Buffer): Attack {
  const cancels = send.includes(CANCEL_REQUEST_CODE);
  return { send, replies: [], cancels, isCancel: cancels && isCancelRequest(send) };
}

// A key has 4 to 256 bytes; protocol 3.2.
function isCancelRequest(send: Buffer): boolean {
  if (send.length < 16 || send.length > 12 + 256) return false;
  return send.readInt32BE(0) === send.length && send.indexOf(CANCEL_REQUEST_CODE) === 4;
}

function exchange(replies: Attack["replies"]): Attack {
  return { send: STARTUP, replies, cancels: false, isCancel: false };
}

function serverFirst(request: Received): string {
  return request.body.toString("latin1", 4);
}
