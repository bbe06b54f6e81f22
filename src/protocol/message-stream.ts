// Reads typed messages out of a stream as it passes by, and can replace some of them. Only those that are asked for are held until
// they are whole; a row or a COPY of any size goes on as it comes. Where the framing breaks, nothing is read any more.
import { Buffer } from "node:buffer";

const HEAD = 5; // bytes: the type, and an Int32 length that includes itself

/** What is done with the messages of a stream. */
export interface MessageHandler {
  /** Whether a message is wanted whole: its type, and its length without the type byte. Called once for each message. */
  readonly wants: (type: string, length: number) => boolean;
  /** A whole message, and what goes on in its place. */
  readonly replace: (type: string, message: Buffer) => Buffer;
}

/** One direction of a session. */
export class MessageStream {
  readonly #handler: MessageHandler;
  // The beginning of a message that is not whole, in pieces.
  #held: Buffer[] = [];
  #heldLength = 0;
  // Bytes that `#held` needs before it is looked at again.
  #needed = HEAD;
  // Bytes of a message that are still to pass.
  #passing = 0;

  constructor(handler: MessageHandler) {
    this.#handler = handler;
  }

  /** Whether the bytes so far ended with a message. */
  get isBetween(): boolean {
    return this.#heldLength === 0 && this.#passing === 0;
  }

  /** Takes what has arrived; gives what goes on. */
  pass(chunk: Buffer): readonly Buffer[] {
    const passed: Buffer[] = [];
    let bytes = chunk;
    if (this.#heldLength > 0) {
      this.#held.push(chunk);
      this.#heldLength += chunk.length;
      if (this.#heldLength < this.#needed) return passed;
      bytes = this.rest();
    }
    let from = 0; // of what goes on as it is
    let at = Math.min(this.#passing, bytes.length);
    this.#passing -= at;
    while (at < bytes.length) {
      const left = bytes.length - at;
      const length = left < HEAD ? 0 : bytes.readInt32BE(at + 1);
      if (left >= HEAD && length < 4) {
        this.#passing = Number.POSITIVE_INFINITY;
        at = bytes.length;
        break;
      }
      const type = String.fromCharCode(bytes[at] ?? 0);
      const known = this.#needed > HEAD; // was asked about when its head came
      const isWanted = left >= HEAD && (known || this.#handler.wants(type, length));
      if (left < HEAD || (isWanted && left <= length)) {
        this.#hold(bytes.subarray(at), left < HEAD ? HEAD : length + 1);
        break;
      }
      this.#needed = HEAD;
      const end = Math.min(at + length + 1, bytes.length);
      if (isWanted) {
        const message = bytes.subarray(at, end);
        const replaced = this.#handler.replace(type, message);
        if (replaced !== message) {
          if (at > from) passed.push(bytes.subarray(from, at));
          if (replaced.length > 0) passed.push(replaced);
          from = end;
        }
      } else this.#passing = at + length + 1 - end;
      at = end;
    }
    if (at > from) passed.push(bytes.subarray(from, at));
    return passed;
  }

  /** Gives what is held back, for the end of the stream. */
  rest(): Buffer {
    const held =
      this.#held.length === 1 ? (this.#held[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#held);
    this.#held = [];
    this.#heldLength = 0;
    return held;
  }

  #hold(bytes: Buffer, needed: number): void {
    this.#held = [bytes];
    this.#heldLength = bytes.length;
    this.#needed = needed;
  }
}
