// A stand-in for Systems Manager: an API that verifies each request's signature, and a session-manager-plugin that listens
// and forwards as the real one does, writes down what it was given, and can be told to misbehave.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartSession.html
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { KeyStore } from "../../src/demo/keys.ts";
import { verifyAuthorization } from "../../src/demo/sigv4.ts";
import { describeAgents, type VpcApi } from "./vpc-api.ts";

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
  readonly starts: () => Promise<readonly PluginStart[]>;
  readonly setMode: (mode: PluginMode) => Promise<void>;
  readonly setVersion: (version: string) => Promise<void>;
  /** Refuses the next calls with this error of the API's. */
  refuseWith: string | undefined;
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

/** Starts the API, and writes the plugin. */
export async function startSsmStandIn(
  keys: KeyStore,
  { instances }: Pick<VpcApi, "instances"> = { instances: [] },
): Promise<SsmStandIn> {
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-ssm-"));
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
  const calls: SsmCall[] = [];
  const tokens: string[] = [];
  const server = createServer((request, response) => {
    void answer(request).then(({ status, body }) => {
      response.writeHead(status, { "content-type": "application/x-amz-json-1.1" });
      response.end(JSON.stringify(body));
    });
  });
  const answer = async (request: IncomingMessage): Promise<{ status: number; body: unknown }> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const headers = new Map(Object.entries(request.headers).map(([k, v]) => [k, String(v)]));
    const signed = {
      method: request.method ?? "",
      path: request.url ?? "/",
      query: "",
      headers,
      body,
    };
    const context = {
      service: "ssm",
      region: "eu-west-1",
      find: (id: string) => keys.find(id),
      now: new Date(),
    };
    const verdict = verifyAuthorization(signed, context);
    if (!verdict.ok)
      return {
        status: 400,
        body: { __type: "InvalidSignatureException", message: verdict.reason },
      };
    const action = headers.get("x-amz-target") ?? "";
    if (action === "AmazonSSM.DescribeInstanceInformation") {
      return { status: 200, body: describeAgents({ instances }, JSON.parse(body.toString())) };
    }
    calls.push({ action, request: JSON.parse(body.toString()), caller: verdict.key.arn });
    if (standIn.refuseWith !== undefined) {
      return {
        status: 400,
        body: { __type: standIn.refuseWith, message: `${standIn.refuseWith}: no session here` },
      };
    }
    const TokenValue = randomBytes(60).toString("base64");
    tokens.push(TokenValue);
    const SessionId = `demo-${tokens.length}`;
    const StreamUrl = `wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/${SessionId}`;
    return { status: 200, body: { SessionId, TokenValue, StreamUrl } };
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const endpoint = `http://127.0.0.1:${port}`;
  const dispose = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await rm(directory, { recursive: true, force: true });
  };
  const standIn: SsmStandIn = {
    endpoint,
    calls,
    tokens,
    env: { PATH: `${bin}:${process.env["PATH"] ?? ""}`, AWS_ENDPOINT_URL_SSM: endpoint },
    starts: async () =>
      (await readFile(file("starts"), "utf8"))
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as PluginStart),
    setMode: (mode) => writeFile(file("mode"), mode),
    setVersion: (version) => writeFile(file("version"), version),
    refuseWith: undefined,
    [Symbol.asyncDispose]: dispose,
  };
  return standIn;
}
