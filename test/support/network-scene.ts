// A corporate network: the stand-in for STS over https with a private CA, behind a CONNECT proxy that wants a password.
import { Buffer } from "node:buffer";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { connect, createServer as createTcpServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { ROLE_ARN, type StandIn } from "../../src/demo/stand-in.ts";
import { type Finished, rdsiam, type RunOptions } from "./program.ts";
import { startStage } from "./stage.ts";
import { listen, type Running } from "./listen.ts";

/** The proxy's login; the characters need escaping in a URL, and the password must never be printed. */
export const LOGIN = { user: "jane@corp", password: "PROXYPASSWORD-0001:/?#%" } as const;

/** A server that takes connections and says nothing. */
export function startSilence(): Promise<Running> {
  return listen(createTcpServer((socket) => socket.resume()));
}

/** A proxy with a password, and what it was asked for. */
export interface CorporateProxy extends Running {
  readonly asked: string[];
  /** When set, the status that every request gets. */
  refuse: number | undefined;
}

/** Starts the proxy: CONNECT for https, absolute URLs for http. The names in `hosts` are ports of this machine. */
export async function startProxy(
  hosts: Readonly<Record<string, number>> = { localhost: 0 },
): Promise<CorporateProxy> {
  const asked: string[] = [];
  const login = Buffer.from(`${LOGIN.user}:${LOGIN.password}`).toString("base64");
  const refusal = ({ headers }: IncomingMessage): number | undefined =>
    proxy.refuse ?? (headers["proxy-authorization"] === `Basic ${login}` ? undefined : 407);
  const server = createServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    const status = refusal(incoming);
    if (status === undefined) return forward(incoming, response);
    response.writeHead(status).end("<html>the proxy's own page</html>");
  });
  server.on("connect", (incoming, socket: Socket) => {
    asked.push(`CONNECT ${incoming.url}`);
    socket.on("error", () => {});
    const status = refusal(incoming);
    if (status !== undefined) {
      socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 4\r\n\r\nnope`);
      return;
    }
    const [host = "", port = ""] = (incoming.url ?? "").split(":");
    const own = hosts[host];
    const onward = connect(own || Number(port), own === undefined ? host : "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    onward.on("error", () => socket.destroy());
    socket.once("close", () => onward.destroy());
  });
  const proxy: CorporateProxy = { ...(await listen(server)), asked, refuse: undefined };
  return proxy;
}

function forward(incoming: IncomingMessage, response: ServerResponse): void {
  const { "proxy-authorization": _, ...headers } = incoming.headers;
  const onward = request(incoming.url ?? "", { method: incoming.method ?? "GET", headers });
  onward.on("response", (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  incoming.pipe(onward);
}

// Deno would ask for its newest version through the proxy; the demo's own NO_PROXY is not meant here.
const QUIET = { DENO_NO_UPDATE_CHECK: "1", NO_PROXY: undefined, no_proxy: undefined };

/** The whole scene. */
export interface Scene extends AsyncDisposable {
  readonly standIn: StandIn;
  readonly proxy: CorporateProxy;
  /** https://localhost:PORT of STS. */
  readonly sts: string;
  readonly caFile: string;
  readonly directory: string;
  /** The proxy's URL with its login. */
  readonly proxyUrl: string;
  /** Runs `rdsiam token --verbose TARGET` with the stand-in's environment and more, without a cache. */
  readonly token: (target: string, env?: RunOptions["env"]) => Promise<Finished>;
  /** Writes a file into the scene's directory and returns its path. */
  readonly write: (name: string, text: string) => Promise<string>;
}

/** The role that STS is asked for. */
export const ROLE = ROLE_ARN;

/** Starts everything. */
export async function startScene(): Promise<Scene> {
  const closers: (() => PromiseLike<void>)[] = [];
  const keep = <T extends AsyncDisposable>(part: T): T => {
    closers.unshift(() => part[Symbol.asyncDispose]());
    return part;
  };
  const standIn = keep(await startStage());
  const proxy = keep(await startProxy());
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-network-"));
  closers.unshift(() => rm(directory, { recursive: true }));
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, text);
    return path;
  };
  const issuer = await makeAuthority({ subject: "CN=Corp Private Root" });
  const leaf = await makeLeaf({ subject: "CN=localhost", names: ["localhost"], issuer });
  const plain = Number(new URL(standIn.sts.endpoint).port);
  const terminator = createTlsServer({ cert: leaf.cert, key: leaf.key }, (socket) => {
    const inner = connect(plain, "127.0.0.1");
    inner.on("error", () => socket.destroy());
    socket.on("error", () => inner.destroy()).once("close", () => inner.destroy());
    inner.pipe(socket).pipe(inner);
  });
  const tls = keep(await listen(terminator));
  const login = `${encodeURIComponent(LOGIN.user)}:${encodeURIComponent(LOGIN.password)}`;
  return {
    standIn,
    proxy,
    directory,
    write,
    sts: `https://localhost:${tls.port}`,
    caFile: await write("corp-ca.pem", issuer.cert),
    proxyUrl: `http://${login}@127.0.0.1:${proxy.port}`,
    token: (target, env = {}) =>
      rdsiam(["token", "--verbose", target], {
        env: { ...standIn.env, RDSIAM_NO_CACHE: "1", ...QUIET, ...env },
      }),
    [Symbol.asyncDispose]: async () => {
      for (const close of closers) await close();
    },
  };
}
