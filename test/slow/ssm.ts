// npm run test:slow -- ssm [PART...]: AWS's own session-manager-plugin and rdsiam's own data channel against the same stand-in for
// Systems Manager in Go, which uses AWS's messages and encryption. Without Go there is nothing to compare, and it says so.
// RDSIAM_MEGABYTES makes the transfers smaller or larger.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { once } from "node:events";
import { SSMClient, StartSessionCommand } from "@aws-sdk/client-ssm";
import { KeyStore } from "../../src/demo/keys.ts";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import {
  buildSsmPrograms,
  runPlugin,
  sessionRequest,
  type SsmCertificate,
  type SsmPrograms,
  startPlugin,
  type SsmService,
  startSsmAgent,
} from "../support/ssm-agent.ts";
import { SsmDatabase } from "../support/ssm-dump.ts";
import { type ByteCounts, type Carried, carry, startByteServer } from "../support/ssm-bytes.ts";
import { openOwn } from "../support/ssm-own.ts";
import { until } from "../support/traces.ts";
import { startSsmStandIn } from "../support/ssm-stand-in.ts";
import type { AgentSettings } from "../support/ssm-twin.ts";
import { startStage } from "../support/stage.ts";
import { recordAll } from "../support/ssm-record.ts";

const BYTES = Number(process.env["RDSIAM_MEGABYTES"] ?? 100) * 1_000_000;
const OLD_AGENT = ["-agent-version", "3.0.196.0"];
const KMS = ["-kms", "arn:aws:kms:eu-west-1:123456789012:key/stand-in"];

/** The four kinds of session: options of the stand-in. */
const KINDS = {
  smux: [],
  "smux, KMS": KMS,
  plain: OLD_AGENT,
  "plain, KMS": [...OLD_AGENT, ...KMS],
} satisfies Readonly<Record<string, readonly string[]>>;

/** The same for the stand-in in TypeScript. */
const TWINS: Readonly<Record<keyof typeof KINDS, Partial<AgentSettings>>> = {
  smux: {},
  "smux, KMS": { kmsKey: KMS[1] },
  plain: { version: "3.0.196.0" },
  "plain, KMS": { version: "3.0.196.0", kmsKey: KMS[1] },
};

interface Scene {
  readonly programs: SsmPrograms;
  readonly certificate: SsmCertificate;
  /** For files. */
  readonly directory: string;
}

const PARTS: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  plugin: provePlugin,
  twin: proveTwin,
  own: proveOwn,
  loss: loseFrames,
  restart: restartAgent,
  speed: compareSpeed,
};

// Not run unless it is asked for: what it writes is in the repository.
const ON_DEMAND: typeof PARTS = { record: recordConversations };

async function main(wanted: readonly string[]): Promise<void> {
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";
  const programs = await buildSsmPrograms();
  if (typeof programs === "string") return tell(`skipped: ${programs}`);
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-ssm-"));
  try {
    const scene = { programs, certificate: await writeCertificate(directory), directory };
    const parts = wanted.length === 0 ? PARTS : { ...PARTS, ...ON_DEMAND };
    for (const [name, part] of Object.entries(parts)) {
      if (wanted.length === 0 || wanted.includes(name)) await part(scene);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function recordConversations({ programs, certificate, directory }: Scene): Promise<void> {
  const names = await recordAll(programs, certificate, directory);
  tell(`recorded: ${names.join(", ")}`);
}

// All at once: they wait for each other's acknowledgements more than for a processor.
async function provePlugin({ programs, certificate }: Scene): Promise<void> {
  tell(`session-manager-plugin, ${BYTES / 1e6} MB each way at the same time`);
  await using server = await startByteServer();
  const destination = { host: "127.0.0.1", port: server.port };
  const proving = Object.entries(KINDS).map(async ([name, words]) => {
    await using service = await startSsmAgent(programs, certificate, words);
    await using plugin = await startPlugin(programs, service, destination);
    tellCarried(name, await carryTo(plugin.port, { up: BYTES, down: BYTES }));
  });
  await together(proving);
}

// The twin of the stand-in that the other tests use verifies each signature, so that these are real.
async function proveTwin({ certificate, directory, programs }: Scene): Promise<void> {
  tell(`session-manager-plugin and the stand-in in TypeScript, ${BYTES / 1e6} MB each way`);
  const keys = new KeyStore();
  const { accessKeyId, secretAccessKey } = keys.createStaticKey({ arn: "arn:aws:iam::1:user/x" });
  const [cert, key] = await Promise.all([certificate.cert, certificate.key].map(readText));
  await using server = await startByteServer();
  const request = sessionRequest({ host: "127.0.0.1", port: server.port });
  const proving = Object.entries(TWINS).map(async ([name, agent]) => {
    await using service = await startSsmStandIn(keys, { cert: cert ?? "", key: key ?? "" });
    Object.assign(service.agent, agent);
    const { endpoint } = service;
    const credentials = { accessKeyId, secretAccessKey };
    const client = new SSMClient({ endpoint, region: "eu-west-1", credentials });
    const { SessionId, StreamUrl, TokenValue } = await client.send(
      new StartSessionCommand(request),
    );
    const env = {
      ...service.env,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      SSL_CERT_FILE: certificate.root,
      // The plugin's socket is named after the session's ID, which all of these share.
      TMPDIR: await mkdtemp(join(directory, "plugin-")),
    };
    const response = { SessionId, StreamUrl, TokenValue };
    await using plugin = await runPlugin(programs, { endpoint, env }, { request, response });
    tellCarried(name, await carryTo(plugin.port, { up: BYTES, down: BYTES }));
  });
  await together(proving);
}

async function proveOwn(scene: Scene): Promise<void> {
  tell(`rdsiam's own data channel, ${BYTES / 1e6} MB each way at the same time`);
  for (const [name, words] of Object.entries(KINDS)) await carryOwn(scene, name, words);
}

// The agent sends its oldest message again alone, each 100 ms, and takes a lost acknowledgement for a lost message: 2 % of what it
// sends cost a tenth of a second each. Above 0.5 MB/s it falls behind for good, until no client keeps what comes too early, and
// 100 MB take an hour.
const BEARABLE = 0.4; // MB/s

async function loseFrames(scene: Scene): Promise<void> {
  tell(`rdsiam's own data channel, ${BYTES / 1e6} MB each way, 1 % of frames lost and 1 % late`);
  const words = ["-loss", "1", "-reorder", "1", "-megabytes", `${BEARABLE}`];
  await together(
    Object.entries(KINDS).map(([name, kind]) => carryOwn(scene, name, [...words, ...kind])),
  );
}

// At the agent's own speed, so that few frames are on their way when the WebSocket is cut: each costs its 100 ms.
const AGENT_SPEED = 0.7; // MB/s

async function restartAgent(scene: Scene): Promise<void> {
  const orders = ["cut", "restart", "bye", "restart", "cut"] as const;
  tell(`rdsiam's own data channel, ${BYTES / 1e6} MB each way: ${orders.join(", ")}`);
  const pause = BYTES / 1_000 / AGENT_SPEED / (orders.length + 1);
  const kinds = (["smux", "plain, KMS"] as const).map((name) =>
    carryOwn(scene, name, ["-throttle", ...KINDS[name]], async ({ control }) => {
      for (const order of orders) {
        await setTimeout(pause);
        await control(order);
      }
    }),
  );
  await together(kinds);
}

// What a client can do: the agent gives 1 KB in a millisecond at most, and takes whatever comes. It is kept at the speed that this
// comes to, since 1 ms of sleep takes longer the more this machine does. With 100 MB:
// - The eight sessions of pg_dump -j 8 copy tables in 18.2 s, the plugin's one in 143.5 s: 7.9 times. That it is not 8 are the 0.3 s
//   from the first worker's beginning to the last one's.
// - Before that pg_dump reads the catalog on one connection, 1.6 s of round trips and bytes that no client shortens: of the whole
//   run, 20.7 s and 145.5 s, 7 times are left, and 8 could never be.
const LOAD_MARK = 3;
const DATA_MARK = 7.8;
const QUIET = 0.7; // of the processors' time is free

async function compareSpeed({ certificate, programs }: Scene): Promise<void> {
  tell(`${BYTES / 1e6} MB through an agent at its own speed: seconds, MB/s, seconds of processor`);
  await using standIn = await startStage();
  const words = ["-megabytes", `${AGENT_SPEED}`, "-dial", "127.0.0.1"];
  await using service = await startSsmAgent(programs, certificate, words);
  const database = new SsmDatabase(standIn, BYTES / 1e6, { programs, service });
  await database.fill();
  const free = await freeProcessors();
  const isQuiet = free >= QUIET;
  const load = [await database.load("plugin"), await database.load("rdsiam")] as const;
  tellTaken("load", load, isQuiet ? LOAD_MARK : 0);
  // With one connection they are as quick as the agent, each of them.
  tellTaken("dump", await Promise.all([database.dump("plugin"), database.dump("rdsiam")]), 0);
  const [plugin, own] = [
    await database.dumpParallel("plugin"),
    await database.dumpParallel("rdsiam"),
  ];
  tellTaken("dump -j8", [plugin, own], 0);
  const tables = [{ seconds: plugin.data }, { seconds: own.data }] as const;
  tellTaken("its tables", tables, isQuiet ? DATA_MARK : 0);
  if (!isQuiet)
    tell(`  no mark: ${Math.round(free * 100)} % of the processors' time was free before`);
  await until(async () => (await service.control("count")).open === 0, "no session left open");
}

// The share of the processors' time that nothing takes, over three seconds.
async function freeProcessors(): Promise<number> {
  const read = () => cpus().flatMap(({ times }) => Object.entries(times));
  const sum = (times: ReturnType<typeof read>): number =>
    times.reduce((all, [, ms]) => all + ms, 0);
  const idle = (times: ReturnType<typeof read>) => times.filter(([kind]) => kind === "idle");
  const before = read();
  await setTimeout(3_000);
  const after = read();
  return (sum(idle(after)) - sum(idle(before))) / (sum(after) - sum(before));
}

interface Shown {
  readonly seconds: number;
  readonly cpu?: number;
}

// Zero is no mark.
function tellTaken(name: string, [plugin, own]: readonly [Shown, Shown], mark: number): void {
  const times = plugin.seconds / own.seconds;
  if (!(times >= mark)) process.exitCode = 1;
  const shown = [plugin, own].map(
    ({ cpu, seconds }) =>
      `${seconds.toFixed(1)} s ${(BYTES / 1e6 / seconds).toFixed(2)} MB/s` +
      (cpu === undefined ? "" : ` cpu ${cpu.toFixed(1)} s`),
  );
  const verdict = mark === 0 ? "" : `, ${times >= mark ? "" : "NOT "}${mark} times`;
  tell(
    `  ${name.padEnd(12)} plugin ${shown[0]}, rdsiam ${shown[1]}: ${times.toFixed(1)} times${verdict}`,
  );
}

async function carryOwn(
  { certificate, programs }: Scene,
  name: string,
  words: readonly string[],
  disturb?: (service: SsmService) => Promise<void>,
): Promise<void> {
  await using server = await startByteServer();
  await using service = await startSsmAgent(programs, certificate, words);
  await using session = await openOwn(service, { host: "127.0.0.1", port: server.port });
  const disturbing = disturb?.(service);
  const stream = session.connect();
  tellCarried(name, await carry(stream, { up: BYTES, down: BYTES }));
  await disturbing;
  const { resumed } = await service.control("count");
  if (resumed > 0) tell(`  ${name.padEnd(12)} was resumed ${resumed} times`);
  stream.destroy();
}

// Waits for all of them when one fails too: each ends what it has started.
async function together(parts: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(parts);
  await Promise.all(parts);
}

async function carryTo(port: number, counts: ByteCounts): Promise<Carried> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  try {
    return await carry(socket, counts);
  } finally {
    socket.destroy();
  }
}

function tellCarried(name: string, { isExact, seconds }: Carried): void {
  const rate = (took: number): string => `${(BYTES / 1e6 / took).toFixed(2)} MB/s`;
  if (!isExact) process.exitCode = 1;
  const verdict = isExact ? "exact" : "WRONG";
  tell(`  ${name.padEnd(12)} ${verdict}  up ${rate(seconds.up)}, down ${rate(seconds.down)}`);
}

async function writeCertificate(directory: string): Promise<SsmCertificate> {
  const issuer = await makeAuthority({ subject: "CN=Stand-in for Systems Manager" });
  const leaf = await makeLeaf({ subject: "CN=localhost", names: ["localhost"], issuer });
  const file = async (name: string, pem: string): Promise<string> => {
    await writeFile(join(directory, name), pem, { mode: 0o600 });
    return join(directory, name);
  };
  return {
    cert: await file("cert.pem", leaf.cert),
    key: await file("key.pem", leaf.key),
    root: await file("root.pem", issuer.cert),
  };
}

async function readText(file: string): Promise<string> {
  return readFile(file, "utf8");
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

void main(process.argv.slice(2));
