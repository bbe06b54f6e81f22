// A stand-in for EC2 Instance Connect: it puts the keys that are sent into an authorized_keys file, and carries tunnels to a real
// sshd. Signatures of calls and of presigned URLs are verified. It can refuse, and end tunnels, as AWS does.
import { appendFile, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { createWebSocketStream, type WebSocket, WebSocketServer } from "ws";
import type { KeyStore } from "../../src/demo/keys.ts";
import { verifyAuthorization, verifyPresigned } from "../../src/demo/sigv4.ts";
import { listen, type Running } from "./listen.ts";

const SERVICE = "ec2-instance-connect";
const REGION = "eu-west-1";

/** A key as it was sent. */
export interface SentKey {
  readonly InstanceId: string;
  readonly InstanceOSUser: string;
  readonly SSHPublicKey: string;
}

/** The running stand-in. */
export interface EiceApi extends Running {
  /** For AWS_ENDPOINT_URL_EC2_INSTANCE_CONNECT. */
  readonly endpoint: string;
  readonly sent: SentKey[];
  /** The queries of the tunnels that were opened, as they were signed. */
  readonly tunnels: URLSearchParams[];
  /** SendSSHPublicKey is refused with this error. */
  refuseKeys: string | undefined;
  /** Tunnels are refused with this HTTP status. */
  refuseTunnels: number | undefined;
  /** The minute is over: no key is let in any more. */
  readonly expireKeys: () => Promise<void>;
  /** Ends the tunnels that are open, with a reason. */
  readonly endTunnels: (code: number, reason: string) => void;
}

/** Starts it in front of an sshd that reads this file. */
export async function startEiceApi(
  keys: KeyStore,
  sshd: { readonly port: number; readonly authorizedKeys: string },
): Promise<EiceApi> {
  const open = new Set<WebSocket>();
  const find = (id: string) => keys.find(id);
  const headersOf = (request: IncomingMessage) =>
    new Map(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  const server = createServer((request, response) => {
    void buffer(request).then(async (body) => {
      const signed = { method: "POST", path: "/", query: "", headers: headersOf(request), body };
      const context = { service: SERVICE, region: REGION, find, now: new Date() };
      const isSigned = verifyAuthorization(signed, context).ok;
      const isKnown =
        request.headers["x-amz-target"] === "AWSEC2InstanceConnectService.SendSSHPublicKey";
      const refusal = isSigned && isKnown ? api.refuseKeys : "InvalidSignatureException";
      if (refusal !== undefined) {
        const text = JSON.stringify({ __type: `com.amazonaws#${refusal}`, message: "No." });
        return response.writeHead(400).end(text);
      }
      const sent = JSON.parse(body.toString()) as SentKey;
      api.sent.push(sent);
      await appendFile(sshd.authorizedKeys, `${sent.SSHPublicKey}\n`);
      return response.end(JSON.stringify({ RequestId: "r", Success: true }));
    });
  });
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on("upgrade", (request: IncomingMessage, socket, head: Buffer) => {
    const [path = "", query = ""] = (request.url ?? "").split("?");
    const headers = headersOf(request);
    const verdict = verifyPresigned(
      { method: "GET", path, query, headers, body: "" },
      { service: SERVICE, region: REGION, find, now: new Date() },
    );
    const status = verdict.ok && path === "/openTunnel" ? api.refuseTunnels : 403;
    if (status !== undefined) {
      socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    api.tunnels.push(new URLSearchParams(query));
    sockets.handleUpgrade(request, socket, head, (tunnel) => {
      open.add(tunnel);
      tunnel.once("close", () => open.delete(tunnel));
      const there = connect({ host: "127.0.0.1", port: sshd.port });
      const stream = createWebSocketStream(tunnel);
      void pipeline(stream, there, stream).catch(() => {});
    });
  });
  const running = await listen(server);
  const api: EiceApi = {
    ...running,
    endpoint: `http://127.0.0.1:${running.port}`,
    sent: [],
    tunnels: [],
    refuseKeys: undefined,
    refuseTunnels: undefined,
    expireKeys: () => writeFile(sshd.authorizedKeys, ""),
    endTunnels: (code, reason) => {
      for (const tunnel of open) tunnel.close(code, reason);
    },
  };
  return api;
}
