// The recorded conversations of AWS's plugin (test/ssm/recorded), as messages.
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ChannelMessage, decodeMessage } from "../../src/ssm/message.ts";
import { RECORDED, type RecordedLine } from "./ssm-record.ts";

/** The names of the conversations. */
export const CONVERSATIONS = [
  "closed",
  "paused",
  "plain",
  "plain-kms",
  "refused",
  "resumed",
  "smux",
  "smux-kms",
] as const;

/** One frame. */
export interface RecordedFrame {
  readonly from: "client" | "agent";
  readonly bytes: Buffer;
  readonly message: ChannelMessage;
}

/** A conversation, and the data key of it. */
export interface Conversation {
  readonly lines: readonly RecordedLine[];
  readonly frames: readonly RecordedFrame[];
  readonly plaintext: Buffer;
  readonly ciphertext: Buffer;
}

/** Reads a conversation. */
export function readConversation(name: (typeof CONVERSATIONS)[number]): Conversation {
  const text = readFileSync(join(RECORDED, `${name}.jsonl`), "utf8");
  const lines = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as RecordedLine);
  const frames = lines.flatMap(({ frame, from }) => {
    if (frame === undefined || from === "kms") return [];
    const bytes = Buffer.from(frame, "base64");
    const message = decodeMessage(bytes);
    if (message === undefined) throw new Error(`${name}: a frame that cannot be read`);
    return [{ from, bytes, message }];
  });
  const key = lines.find(({ from }) => from === "kms");
  return {
    lines,
    frames,
    plaintext: Buffer.from(key?.plaintext ?? "", "base64"),
    ciphertext: Buffer.from(key?.ciphertext ?? "", "base64"),
  };
}
