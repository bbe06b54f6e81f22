// A stand-in for Systems Manager: an API that verifies each request's signature, the service of the data channels with an agent
// behind each, and a session-manager-plugin that listens and forwards as the real one does, writes down what it was given, and can
// be told to misbehave.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartSession.html
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { KeyStore } from "../../src/demo/keys.ts";
import { type SignedRequest, verifyAuthorization } from "../../src/demo/sigv4.ts";
import { WebSocketServer } from "ws";
import { type AgentSettings, TwinSession } from "./ssm-twin.ts";
import { describeAgents, type StandInInstance } from "./vpc-api.ts";

/** One call of the API. */
export interface SsmCall {
  readonly action: string;
  readonly request: {
    readonly Target: string;
    readonly DocumentName: string;
    readonly Parameters: Readonly<Record<string, readonly string[]>>;
  };
  readonly caller: string | undefined;
}

/** One start of the plugin, as it saw it. */
export interface PluginStart {
  readonly pid: number;
  readonly argv: readonly string[];
  /** What AWS_SSM_START_SESSION_RESPONSE held. */
  readonly variable: string | undefined;
  readonly localHost: string | undefined;
}

/** How the plugin behaves from its next start, or its next connection, on. */
export type PluginMode = "forward" | "die" | "hang" | "silent";

/** The running stand-in. */
export interface SsmStandIn extends AsyncDisposable {
  readonly endpoint: string;
  readonly calls: SsmCall[];
  /** PATH with the plugin on it. */
  readonly env: Readonly<Record<string, string>>;
  /** The tokens that the API has given out. */
  readonly tokens: string[];
  /** The data keys that KMS has given out, in base64. */
  readonly dataKeys: string[];
  /** The agents of the sessions that begin. */
  readonly agent: AgentSettings;
  /** What DescribeInstanceInformation answers from. */
  readonly instances: StandInInstance[];
  /** The sessions that were started, as their agents see them. */
  readonly sessions: TwinSession[];
  readonly starts: () => Promise<readonly PluginStart[]>;
  readonly setMode: (mode: PluginMode) => Promise<void>;
  readonly setVersion: (version: string) => Promise<void>;
  /** Refuses the next calls with this error of the API's; `refuseOnly` those of one action, or of OpenDataChannel, the WebSocket. */
  refuseWith: string | undefined;
  refuseOnly: string | undefined;
}

/** A certificate and its key, in PEM. */
export interface Pem {
  readonly cert: string;
  readonly key: string;
}

interface SsmReply {
  readonly status: number;
  readonly body: unknown;
}

// It forwards to its own loopback whatever host it was asked for: what RDS's name leads to in a test.
const PLUGIN = `
const fs = require("node:fs");
const net = require("node:net");
const at = (name) => require("node:path").join(__dirname, name);
if (process.argv[2] === "--version") {
  console.log(fs.readFileSync(at("version"), "utf8"));
  process.exit(0);
}
const [, , response, , , , request] = process.argv;
const variable = process.env.AWS_SSM_START_SESSION_RESPONSE;
const start = { pid: process.pid, argv: process.argv.slice(2), variable, localHost: process.env.SSM_PLUGIN_LOCAL_HOST };
fs.appendFileSync(at("starts"), JSON.stringify(start) + "\\n");
const session = JSON.parse(response === "AWS_SSM_START_SESSION_RESPONSE" ? variable : response);
const mode = () => fs.readFileSync(at("mode"), "utf8");
console.log("\\nStarting session with SessionId: " + session.SessionId);
const { portNumber } = JSON.parse(request).Parameters;
const server = net.createServer((socket) => {
  socket.on("error", () => {});
  if (mode() === "hang") return;
  const there = net.connect(Number(portNumber[0]), "127.0.0.1");
  there.on("error", () => {
    console.log("Connection to destination port failed, check SSM Agent logs.");
    socket.destroy();
  });
  socket.pipe(there).pipe(socket);
});
process.on("SIGINT", () => { console.log("Terminate signal received, exiting."); process.exit(0); });
if (mode() === "die") { console.log("Cannot perform start session: the target is gone"); process.exit(1); }
if (mode() === "silent") setInterval(() => {}, 1000);
else server.listen(0, "127.0.0.1", () => {
  console.log("Port " + server.address().port + " opened for sessionId " + session.SessionId + ".");
  console.log("Waiting for connections...");
});
`;

/** Starts the API and the service, and writes the plugin. With a certificate for localhost data channels are wss://. */
export async function startSsmStandIn(keys: KeyStore, pem?: Pem): Promise<SsmStandIn> {
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-ssm-"));
  const file = await writePlugin(directory);
  const api = createServer();
  const channels = pem === undefined ? api : createTlsServer(pem);
  const servers = new Set([api, channels]);
  for (const server of servers) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
  const endpoint = `http://127.0.0.1:${portOf(api)}`;
  const streams =
    pem === undefined ? endpoint.replace("http", "ws") : `wss://localhost:${portOf(channels)}`;
  const dispose = async (): Promise<void> => {
    for (const session of standIn.sessions) session.end("by the service");
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    await rm(directory, { recursive: true, force: true });
  };
  const standIn: SsmStandIn = {
    endpoint,
    calls: [],
    tokens: [],
    dataKeys: [],
    instances: [],
    sessions: [],
    agent: {
      version: "3.3.3050.0",
      kmsKey: undefined,
      throttle: false,
      loss: 0,
      reorder: 0,
      dialsAfter: 0,
    },
    env: {
      PATH: `${file(".")}:${process.env["PATH"] ?? ""}`,
      AWS_ENDPOINT_URL_SSM: endpoint,
      AWS_ENDPOINT_URL_KMS: endpoint,
    },
    starts: async () =>
      (await readFile(file("starts"), "utf8"))
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as PluginStart),
    setMode: (mode) => writeFile(file("mode"), mode),
    setVersion: (version) => writeFile(file("version"), version),
    refuseWith: undefined,
    refuseOnly: undefined,
    [Symbol.asyncDispose]: dispose,
  };
  const service = new SessionService(standIn, keys, streams);
  api.on("request", (request: IncomingMessage, response) => {
    void service.answer(request).then(({ status, body }) => {
      response.writeHead(status, { "content-type": "application/x-amz-json-1.1" });
      response.end(JSON.stringify(body));
    });
  });
  service.serve(channels);
  return standIn;
}

async function writePlugin(directory: string): Promise<(name: string) => string> {
  const bin = join(directory, "bin");
  await mkdir(bin);
  const file = (name: string): string => join(bin, name);
  await writeFile(file("plugin.cjs"), PLUGIN);
  await writeFile(
    file("session-manager-plugin"),
    `#!/bin/sh\nexec ${process.execPath} ${file("plugin.cjs")} "$@"\n`,
    { mode: 0o755 },
  );
  await writeFile(file("mode"), "forward");
  await writeFile(file("version"), "1.2.707.0");
  await writeFile(file("starts"), "");
  return file;
}

// The API's side of the sessions, and their WebSockets.
class SessionService {
  readonly #standIn: SsmStandIn;
  readonly #keys: KeyStore;
  readonly #streams: string;
  /** The session's token that is good for the next WebSocket. */
  readonly #tokens = new Map<string, string>();
  readonly #plaintexts = new Map<string, { readonly key: Buffer; readonly context: string }>();

  constructor(standIn: SsmStandIn, keys: KeyStore, streams: string) {
    this.#standIn = standIn;
    this.#keys = keys;
    this.#streams = streams;
  }

  async answer(request: IncomingMessage): Promise<SsmReply> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const action = String(request.headers["x-amz-target"]);
    const verdict = this.#verify(request, action.startsWith("Trent") ? "kms" : "ssm", body);
    if (!verdict.ok) return refusal("InvalidSignatureException", verdict.reason);
    const standIn = this.#standIn;
    const parsed = JSON.parse(body.toString()) as SsmCall["request"];
    standIn.calls.push({ action, request: parsed, caller: verdict.key.arn });
    const { refuseOnly, refuseWith } = standIn;
    if (refuseWith !== undefined && (refuseOnly === undefined || action.endsWith(refuseOnly))) {
      return refusal(refuseWith, `${refuseWith}: no session here`);
    }
    return this.#perform(action.replace(/^.*\./, ""), parsed);
  }

  /** Takes the WebSockets of a server. */
  serve(server: Server): void {
    const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
    server.on("upgrade", (request: IncomingMessage, socket, head: Buffer) => {
      const id = /^\/v1\/data-channel\/(.+)\?role=publish_subscribe$/.exec(request.url ?? "")?.[1];
      const session = this.#standIn.sessions.find(({ options }) => options.id === id);
      const isRefused = this.#standIn.refuseOnly === "OpenDataChannel";
      if (session === undefined || isRefused || !this.#verify(request, "ssmmessages", "").ok) {
        socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
        return;
      }
      sockets.handleUpgrade(request, socket, head, (open) => {
        open.once("message", (text: Buffer) => {
          const { TokenValue } = JSON.parse(text.toString()) as { readonly TokenValue: string };
          if (TokenValue !== this.#tokens.get(session.options.id)) return open.close(1008);
          this.#tokens.delete(session.options.id);
          session.serve(open);
        });
      });
    });
  }

  #perform(action: string, request: SsmCall["request"]): SsmReply {
    switch (action) {
      case "DescribeInstanceInformation":
        return { status: 200, body: describeAgents(this.#standIn, { ...request }) };
      case "StartSession":
        return { status: 200, body: this.#start(request) };
      case "ResumeSession":
      case "TerminateSession": {
        const { SessionId } = request as unknown as { readonly SessionId: string };
        const session = this.#standIn.sessions.find(({ options }) => options.id === SessionId);
        if (session === undefined) return refusal("DoesNotExistException", SessionId);
        if (action === "TerminateSession") session.end("by the API");
        return { status: 200, body: session.ended ? { SessionId } : this.#ticket(SessionId) };
      }
      default:
        return { status: 200, body: this.#dataKey(request as unknown as DataKeyRequest) };
    }
  }

  #start({ Parameters, Target }: SsmCall["request"]): unknown {
    const { agent, sessions } = this.#standIn;
    const id = `demo-${sessions.length + 1}`;
    const session = new TwinSession({
      ...agent,
      id,
      target: Target,
      host: Parameters["host"]?.[0] ?? "",
      port: Number(Parameters["portNumber"]?.[0]),
      decrypt: (ciphertext, context) => {
        const found = this.#plaintexts.get(ciphertext);
        if (found?.context === JSON.stringify(context)) return found.key;
        throw new Error("InvalidCiphertextException");
      },
    });
    sessions.push(session);
    return this.#ticket(id);
  }

  #ticket(SessionId: string): unknown {
    const TokenValue = randomBytes(60).toString("base64");
    this.#standIn.tokens.push(TokenValue);
    this.#tokens.set(SessionId, TokenValue);
    const StreamUrl = `${this.#streams}/v1/data-channel/${SessionId}?role=publish_subscribe`;
    return { SessionId, TokenValue, StreamUrl };
  }

  #dataKey({ EncryptionContext, KeyId, NumberOfBytes }: DataKeyRequest): unknown {
    const key = randomBytes(NumberOfBytes);
    const CiphertextBlob = randomBytes(100).toString("base64");
    this.#plaintexts.set(CiphertextBlob, { key, context: JSON.stringify(EncryptionContext) });
    this.#standIn.dataKeys.push(key.toString("base64"));
    return { KeyId, CiphertextBlob, Plaintext: key.toString("base64") };
  }

  #verify(request: IncomingMessage, service: string, body: Buffer | string) {
    const [path = "/", query = ""] = (request.url ?? "").split("?");
    const headers = new Map(Object.entries(request.headers).map(([k, v]) => [k, String(v)]));
    const signed: SignedRequest = { method: request.method ?? "", path, query, headers, body };
    const find = (id: string) => this.#keys.find(id);
    return verifyAuthorization(signed, { service, region: "eu-west-1", find, now: new Date() });
  }
}

interface DataKeyRequest {
  readonly KeyId: string;
  readonly NumberOfBytes: number;
  readonly EncryptionContext: Readonly<Record<string, string>>;
}

function refusal(__type: string, message: string): SsmReply {
  return { status: 400, body: { __type, message } };
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
