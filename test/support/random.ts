// A seeded source of random numbers, so that a failure can be had again. Not for secrets.
// https://en.wikipedia.org/wiki/Permuted_congruential_generator has better ones; this (mulberry32) is eight lines.
import { Buffer } from "node:buffer";
import process from "node:process";

/** Random choices that are the same for the same seed. */
export interface Random {
  /** An integer from 0 to `limit` - 1. */
  readonly below: (limit: number) => number;
  /** One of the items, of which there must be some. */
  readonly pick: <Item>(items: readonly Item[]) => Item;
  readonly bytes: (length: number) => Buffer;
  /** Printable ASCII. */
  readonly text: (length: number) => string;
}

/** A source that depends on the seed and on which of its many sequences this is. */
export function random(seed: number, sequence = 0): Random {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(sequence + 1, 0x85ebca6b)) | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit: number): number => Math.floor((next() / 0x1_0000_0000) * limit);
  const fill = (length: number, byte: () => number): Buffer =>
    Buffer.from(Array.from({ length }, byte));
  return {
    below,
    pick: <Item>(items: readonly Item[]): Item => {
      if (items.length === 0) throw new RangeError("nothing to pick from");
      return items[below(items.length)] as Item;
    },
    bytes: (length) => fill(length, () => below(256)),
    text: (length) => fill(length, () => 0x20 + below(95)).toString("latin1"),
  };
}

/** Changes a few bytes: flips, overwrites, inserts, deletes, repeats or cuts. Never returns the same bytes. */
export function mutate(bytes: Buffer, from: Random): Buffer {
  let changed = bytes;
  for (let times = 1 + from.below(4); times > 0; times -= 1) changed = mutateOnce(changed, from);
  return changed.equals(bytes) ? mutate(bytes, from) : changed;
}

function mutateOnce(bytes: Buffer, from: Random): Buffer {
  const at = from.below(bytes.length + 1);
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (from.below(6)) {
    case 0:
      return Buffer.concat([head, from.bytes(1 + from.below(9)), tail]);
    case 1:
      return Buffer.concat([head, tail.subarray(1 + from.below(9))]);
    case 2:
      return Buffer.concat([head, tail.subarray(0, from.below(40)), tail]);
    case 3:
      return head;
    case 4:
      return Buffer.concat([head, from.pick([Buffer.of(0), Buffer.of(255)]), tail.subarray(1)]);
    default:
      return Buffer.concat([
        head,
        Buffer.of((tail[0] ?? 0) ^ (1 << from.below(8))),
        tail.subarray(1),
      ]);
  }
}

/** The seed of this run: RDSIAM_SEED, or a new one, which the test prints. */
export function seedOf(): number {
  const given = process.env["RDSIAM_SEED"];
  return given === undefined ? Date.now() % 1_000_000_000 : Number(given);
}
