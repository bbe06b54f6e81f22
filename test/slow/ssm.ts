// npm run test:slow -- ssm [PART...]: AWS's own session-manager-plugin and rdsiam's own data channel against the same stand-in for
// Systems Manager in Go, which uses AWS's messages and encryption. Without Go there is nothing to compare, and it says so.
// RDSIAM_MEGABYTES makes the transfers smaller or larger.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { once } from "node:events";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import {
  buildSsmPrograms,
  type SsmCertificate,
  type SsmPrograms,
  startPlugin,
  startSsmAgent,
} from "../support/ssm-agent.ts";
import { type ByteCounts, type Carried, carry, startByteServer } from "../support/ssm-bytes.ts";
import { recordAll } from "../support/ssm-record.ts";

const BYTES = Number(process.env["RDSIAM_MEGABYTES"] ?? 100) * 1_000_000;
const OLD_AGENT = ["-agent-version", "3.0.196.0"];
const KMS = ["-kms", "arn:aws:kms:eu-west-1:123456789012:key/stand-in"];

/** The four kinds of session: options of the stand-in. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  smux: [],
  "smux, KMS": KMS,
  plain: OLD_AGENT,
  "plain, KMS": [...OLD_AGENT, ...KMS],
};

interface Scene {
  readonly programs: SsmPrograms;
  readonly certificate: SsmCertificate;
  /** For files. */
  readonly directory: string;
}

const PARTS: Readonly<Record<string, (scene: Scene) => Promise<void>>> = { plugin: provePlugin };

// Not run unless it is asked for: what it writes is in the repository.
const ON_DEMAND: typeof PARTS = { record: recordConversations };

async function main(wanted: readonly string[]): Promise<void> {
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
  await Promise.all(proving);
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

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

void main(process.argv.slice(2));
