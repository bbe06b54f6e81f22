// Wrong SASL messages, in six ways. Several are made with the run's real secret: what must be refused then is the
// other nonce, the other channel binding, the proof of another exchange.
import { Buffer } from "node:buffer";
import { clientFinal, int32, password, proven } from "./raw-frontend.ts";
import { mutate, type Random } from "./random.ts";

/** The client-first-message-bare of every exchange that gets as far as a proof. */
export const CLIENT_FIRST = "n=,r=rOprNGfwEbeRWgbNEkqO";

/** A SASLInitialResponse. */
export function initialResponse(mechanism: string, data: string, length = data.length): Buffer {
  return password(
    Buffer.concat([Buffer.from(`${mechanism}\0`), int32(length), Buffer.from(data, "latin1")]),
  );
}

/** The SASLInitialResponse that is right. */
export function rightInitialResponse(): Buffer {
  return initialResponse("SCRAM-SHA-256", `n,,${CLIENT_FIRST}`);
}

/** SASLInitialResponses with something wrong in the mechanism, the length or the client-first-message. */
export function wrongInitialResponse(from: Random): Buffer {
  const nonce = from.text(24).replaceAll(",", "x");
  const mechanism = from.pick([
    "SCRAM-SHA-256",
    "SCRAM-SHA-256",
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-1",
    "PLAIN",
    "OAUTHBEARER",
    "",
  ]);
  const header = from.pick([
    "n,,",
    "y,,",
    "p=tls-unique,,",
    "n,a=admin,",
    "n,a=,",
    ",,",
    "",
    "x,,",
    "n,",
    "N,,",
    "n,,m=1,",
  ]);
  const rest = from.pick([
    "",
    ",x=1",
    ",m=ext",
    "\0",
    "\n",
    ",",
    "é".repeat(20),
    "a".repeat(from.below(1300)),
  ]);
  const data = `${header}n=${from.text(from.below(9))},r=${nonce}${rest}`;
  const length = from.pick([data.length, data.length, -1, 0, data.length + 1, 2_147_483_647]);
  const response = initialResponse(mechanism, data, length);
  return from.below(3) === 0 ? mutate(response, from) : response;
}

/** Messages of any type and length where a SASL response is awaited. */
export function wrongMessage(from: Random): Buffer {
  const type = from.pick(["p", "p", "Q", "X", "d", "F", "P", "\0", "\x16", from.text(1)]);
  const body = from.bytes(from.below(from.pick([4, 60, 1100])));
  const length = from.pick([
    body.length + 4,
    body.length + 4,
    0,
    3,
    4,
    -1,
    1029,
    2_147_483_647,
    from.below(2000),
  ]);
  return Buffer.concat([Buffer.from(type, "latin1"), int32(length), body]);
}

/** client-final with the right secret and one thing tampered; the proof is of the tampered text where that is possible. */
export function tamperedFinal(from: Random, secret: string, serverFirst: string): Buffer {
  const right = clientFinal(secret, CLIENT_FIRST, serverFirst);
  const { nonce, proof } = partsOf(right);
  const flipped = Buffer.from(proof, "base64");
  const at = from.below(32);
  flipped[at] = (flipped[at] ?? 0) ^ (1 << from.below(8));
  const otherNonce = `${nonce.slice(0, -1)}${nonce.endsWith("x") ? "y" : "x"}`;
  const exchange = { secret, first: CLIENT_FIRST, serverFirst };
  const prove = (bare: string): string => proven(exchange, bare);
  const text = from.pick([
    `c=biws,r=${nonce},p=${flipped.toString("base64")}`,
    prove(`c=biws,r=${otherNonce}`),

    prove(`c=eSws,r=${nonce}`),
    prove(`c=cD10bHMtdW5pcXVlLCw=,r=${nonce}`),
    prove(`c=,r=${nonce}`),
    prove(`r=${nonce},c=biws`),
    prove(`c=biws,r=${nonce.slice(0, 20)}`),
    prove("c=biws,r="),

    `c=biws,r=${nonce},p=`,
    `c=biws,r=${nonce}`,
    `${right}=`,
    `${right},x=1`,
    `${right}\0`,
    right.slice(0, -1),

    `c=biws,r=${nonce},p=${Buffer.alloc(32).toString("base64")}`,
    ` ${right}`,
    right.toUpperCase(),
    mutatedFinal(right, from),
  ]);
  return password(Buffer.from(text, "latin1"));
}

// The last character of a proof holds two bits that mean nothing (as in PostgreSQL): changing those alone changes nothing.
function mutatedFinal(right: string, from: Random): string {
  const text = mutate(Buffer.from(right), from).toString("latin1");
  const same = Buffer.from(partsOf(text).proof, "base64").equals(
    Buffer.from(partsOf(right).proof, "base64"),
  );
  return same ? mutatedFinal(right, from) : text;
}

/** A right proof of another exchange: as it was, or under this exchange's nonce. */
export function replayedFinal(from: Random, recorded: string, serverFirst: string): Buffer {
  const { nonce } = partsOf(`,${serverFirst}`);
  const { proof } = partsOf(recorded);
  return password(Buffer.from(from.pick([recorded, `c=biws,r=${nonce},p=${proof}`])));
}

/** Secrets that are nearly the right one. Not with a NUL at the end: HMAC pads its key with zeros, so that one is the same. */
export function nearSecrets(secret: string): readonly string[] {
  const swapped = secret.replace(/[a-z]/i, (letter) =>
    letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  );
  const near = [
    secret.slice(1),
    secret.slice(0, -1),
    `${secret}x`,
    `\0${secret}`,
    ` ${secret}`,
    `${secret}\n`,
    swapped,
  ];
  return ["", ...near, [...secret].toReversed().join(""), "postgres", secret.slice(0, 20)];
}

/** The nonce and the proof of a SCRAM message. */
function partsOf(text: string): { nonce: string; proof: string } {
  const nonce = /,r=([^,]*)/.exec(text)?.[1] ?? "";
  return { nonce, proof: /,p=(.*)$/s.exec(text)?.[1] ?? "" };
}
