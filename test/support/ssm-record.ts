// Conversations of AWS's plugin with the stand-in in Go, frame by frame, for what has to be tried where Go is not. Nothing in them
// is secret: tokens and data keys are the stand-in's, made for one run.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join, resolve } from "node:path";
import { once } from "node:events";
import {
  type PluginPort,
  type SsmCertificate,
  type SsmPrograms,
  type SsmService,
  startPlugin,
  startSsmAgent,
} from "./ssm-agent.ts";
import { carry, startByteServer } from "./ssm-bytes.ts";
import { until } from "./traces.ts";
import { freePort } from "./via-servers.ts";

/** Where they are. */
export const RECORDED = resolve("test/ssm/recorded");

/** One frame, or the data key that KMS made. */
export interface RecordedLine {
  readonly from: "client" | "agent" | "kms";
  /** Milliseconds since the stand-in was started. */
  readonly at: number;
  /** Of the frame that opens a WebSocket. */
  readonly text?: string | undefined;
  /** Base64. */
  readonly frame?: string | undefined;
  readonly plaintext?: string | undefined;
  readonly ciphertext?: string | undefined;
}

interface Talk {
  readonly words: readonly string[];
  readonly talk: (plugin: PluginPort, service: SsmService) => Promise<void>;
  readonly isRefused?: boolean | undefined;
}

const PLAIN = ["-agent-version", "3.0.196.0"];
const KMS = ["-kms", "arn:aws:kms:eu-west-1:123456789012:key/recorded"];
/** What each connection of the conversations carried. */
export const COUNTS = { up: 1_030, down: 1_030 };

const TALKS: Readonly<Record<string, Talk>> = {
  smux: { words: [], talk: oneConnection },
  "smux-kms": { words: KMS, talk: oneConnection },
  plain: { words: PLAIN, talk: twoConnections },
  "plain-kms": { words: [...PLAIN, ...KMS], talk: oneConnection },
  refused: { words: [], talk: refusedConnection, isRefused: true },
  closed: { words: [], talk: (_plugin, service) => told(service, "close") },
  paused: {
    words: [],
    talk: async (plugin, service) => {
      await told(service, "pause");
      await told(service, "start");
      await oneConnection(plugin);
    },
  },
  resumed: {
    words: [],
    talk: async (plugin, service) => {
      await oneConnection(plugin);
      await told(service, "bye");
      await until(async () => (await service.control("count")).resumed === 1, "a resumed session");
      await oneConnection(plugin);
    },
  },
};

/** Has each conversation once, and writes it down. */
export async function recordAll(
  programs: SsmPrograms,
  certificate: SsmCertificate,
  directory: string,
): Promise<readonly string[]> {
  await mkdir(RECORDED, { recursive: true });
  await using server = await startByteServer();
  for (const [name, { isRefused, talk, words }] of Object.entries(TALKS)) {
    const file = join(directory, `${name}.jsonl`);
    const port = isRefused === true ? await freePort() : server.port;
    {
      await using service = await startSsmAgent(programs, certificate, [...words, "-record", file]);
      await using plugin = await startPlugin(programs, service, { host: "127.0.0.1", port });
      await talk(plugin, service);
    }
    await writeFile(join(RECORDED, `${name}.jsonl`), await readFile(file));
  }
  return Object.keys(TALKS);
}

async function twoConnections(plugin: PluginPort): Promise<void> {
  await oneConnection(plugin);
  await oneConnection(plugin);
}

async function oneConnection(plugin: PluginPort): Promise<void> {
  const socket = await opened(plugin);
  await carry(socket, COUNTS);
  socket.end();
  await once(socket.resume(), "close");
}

async function refusedConnection(plugin: PluginPort): Promise<void> {
  const socket = await opened(plugin);
  await once(socket.resume(), "close");
}

async function opened(plugin: PluginPort): Promise<Socket> {
  const socket = connect(plugin.port, "127.0.0.1");
  await once(socket, "connect");
  return socket;
}

async function told(
  service: SsmService,
  order: "bye" | "close" | "pause" | "start",
): Promise<void> {
  await service.control(order);
}
