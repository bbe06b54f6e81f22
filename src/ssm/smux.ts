// The frames of smux, version 1: several streams over the one byte stream of a session. Version, command, length (2) and stream
// (4) in little-endian order, then data. Version 1 has no flow control of its own.
// https://github.com/xtaci/smux#specification

import { Buffer } from "node:buffer";

/** What a frame does. */
export const COMMAND = { syn: 0, fin: 1, push: 2, nop: 3 } as const;

/** Bytes of a frame before its data. */
export const HEADER = 8;

const VERSION = 1;

/** Encodes a frame. */
export function encodeFrame(command: number, stream: number, data?: Buffer): Buffer {
  const length = data?.length ?? 0;
  const bytes = Buffer.allocUnsafe(HEADER + length);
  bytes.writeUInt8(VERSION, 0);
  bytes.writeUInt8(command, 1);
  bytes.writeUInt16LE(length, 2);
  bytes.writeUInt32LE(stream, 4);
  if (data !== undefined) bytes.set(data, HEADER);
  return bytes;
}

/** What a reader calls for what it has read. */
export interface FrameHandlers {
  readonly onOpen?: ((stream: number) => void) | undefined;
  readonly onData: (stream: number, data: Buffer) => void;
  readonly onEnd: (stream: number) => void;
}

/** Reads frames from a byte stream that is cut anywhere; data is handed on as it comes. */
export class FrameReader {
  readonly #handlers: FrameHandlers;
  #header = Buffer.alloc(0);
  #stream = 0;
  #left = 0; // bytes of the frame's data that have not come yet

  constructor(handlers: FrameHandlers) {
    this.#handlers = handlers;
  }

  /** Takes the next bytes; throws for what is no frame of version 1. */
  read(bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#left > 0) {
        const data = rest.subarray(0, this.#left);
        rest = rest.subarray(data.length);
        this.#left -= data.length;
        this.#handlers.onData(this.#stream, data);
        continue;
      }
      const missing = HEADER - this.#header.length;
      this.#header = Buffer.concat([this.#header, rest.subarray(0, missing)]);
      rest = rest.subarray(missing);
      if (this.#header.length < HEADER) return;
      const header = this.#header;
      this.#header = Buffer.alloc(0);
      this.#begin(header);
    }
  }

  #begin(header: Buffer): void {
    const [version, command, length] = [header[0], header[1], header.readUInt16LE(2)];
    this.#stream = header.readUInt32LE(4);
    if (version !== VERSION || (length > 0 && command !== COMMAND.push)) {
      throw new Error("The agent sent something other than smux frames.");
    }
    if (command === COMMAND.push) this.#left = length;
    else if (command === COMMAND.fin) this.#handlers.onEnd(this.#stream);
    else if (command === COMMAND.syn) this.#handlers.onOpen?.(this.#stream);
    else if (command !== COMMAND.nop) throw new Error(`The agent sent smux command ${command}.`);
  }
}
