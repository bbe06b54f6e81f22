// Carries ssh to an instance through an EC2 Instance Connect Endpoint: ssh connects to a loopback port that accepts
// ssh alone, once, and its bytes go on in a WebSocket. ssh logs in with a key of this run, which the instance is given when ssh asks for it, and
// takes for a minute. The host's key is ssh's own affair, under the instance's ID.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/connect-using-eice.html

import type { Buffer } from "node:buffer";
import { rm } from "node:fs/promises";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { RdsIamError } from "../base/errors.ts";
import { openWebSocket, type SocketDial, webSocketStream } from "../ssm/websocket.ts";
import { sshAgent, SshKey } from "./ssh-agent.ts";
import { tunnelError } from "./tunnel.ts";

const MOST_PAYLOAD = 1024 * 1024; // bytes of a message; the AWS CLI sends 65,000

/** What AWS does for such a tunnel. */
export interface EiceService {
  /** For messages: `eice-0123 in vpc-1`. */
  readonly endpoint: string;
  /** Lets a public key in, for a minute. */
  readonly sendPublicKey: (publicKey: string) => Promise<void>;
  readonly dial: () => Promise<SocketDial>;
}

/** What ssh needs for one connection. */
export interface SshCarriage extends AsyncDisposable {
  /** Its settings; they have to stand before those of a file. */
  readonly settings: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What carries the connections of ssh to its host. */
export interface SshCarrier {
  /** Gets one ready; when it is disposed of, the connection that was made stays. `directory` is for a socket. */
  readonly prepare: (directory: string) => Promise<SshCarriage>;
  /** Why the last one failed, where it is known here. */
  readonly reason: () => RdsIamError | undefined;
}

/** Makes the carrier to an instance. */
export function eiceCarrier(
  instance: string,
  service: EiceService,
  connectTimeout: number,
): SshCarrier {
  const key = new SshKey();
  let reason: RdsIamError | undefined;
  const failed = (error: unknown): void => {
    reason ??= error instanceof RdsIamError ? error : noTunnel(service, error);
  };
  const carry = async (socket: Socket): Promise<void> => {
    let dial: SocketDial | undefined;
    try {
      dial = await service.dial();
      const limit = AbortSignal.timeout(connectTimeout);
      const open = await openWebSocket({ ...dial, mostPayload: MOST_PAYLOAD }, limit);
      open.once("close", (code, why) => {
        // The endpoint says why it ends a tunnel: after an hour, for example. Where ssh has ended first, ssh says why.
        const isOurs = socket.destroyed || socket.readableEnded;
        if (code !== 1000 && !isOurs) reason = ended(service, code, why.toString());
      });
      const stream = webSocketStream(open);
      await pipeline(socket, stream, socket).catch(() => {});
    } catch (error) {
      failed(dial?.explain(error) ?? error);
    } finally {
      socket.destroy();
    }
  };
  return {
    reason: () => reason,
    prepare: async (directory) => {
      reason = undefined;
      const path = join(directory, "agent");
      // A killed one leaves it.
      await rm(path, { force: true });
      const agent = sshAgent(key, () =>
        service.sendPublicKey(key.publicKey).catch((error: unknown) => {
          failed(error);
          throw error;
        }),
      );
      await listening(agent, { path });
      const door = await openDoor(carry);
      return {
        settings: [
          "HostName=127.0.0.1",
          `Port=${door.port}`,
          `HostKeyAlias=${instance}`,
          "CheckHostIP=no",
          "ProxyJump=none",
          "ProxyCommand=none",
          "IdentityAgent=SSH_AUTH_SOCK",
          "IdentitiesOnly=no",
        ],
        env: { SSH_AUTH_SOCK: path },
        [Symbol.asyncDispose]: async () => {
          door.close();
          agent.close();
          await rm(path, { force: true });
        },
      };
    },
  };
}

// Listens on a loopback port for ssh, and closes every other connection: only ssh sends a banner that begins with SSH-.
async function openDoor(carry: (socket: Socket) => Promise<void>) {
  const strangers = new Set<Socket>();
  const close = (): void => {
    server.close();
    for (const socket of strangers) socket.destroy();
  };
  const server = createServer({ noDelay: true }, (socket) => {
    strangers.add(socket);
    socket.on("error", () => {});
    socket.once("data", (first: Buffer) => {
      if (!server.listening || !first.toString("latin1").startsWith("SSH-")) {
        socket.destroy();
        return;
      }
      strangers.delete(socket);
      close();
      socket.pause().unshift(first);
      void carry(socket);
    });
  });
  await listening(server, { host: "127.0.0.1", port: 0 });
  const { port } = server.address() as AddressInfo;
  return { port, close };
}

async function listening(
  server: Server,
  where: { readonly path: string } | { readonly host: string; readonly port: number },
): Promise<void> {
  server.listen({ ...where });
  await once(server, "listening");
}

const HINT =
  "The identity needs ec2-instance-connect:OpenTunnel on the endpoint, whose security group must let port 22 out to the instance, and the instance's must let it in.";

function noTunnel({ endpoint }: EiceService, cause: unknown): RdsIamError {
  const detail = cause instanceof Error ? cause.message : "It gave no reason.";
  return tunnelError(`the EC2 Instance Connect Endpoint ${endpoint} opened no tunnel`, {
    detail: /[.!]$/.test(detail) ? detail : `${detail}.`,
    hint: HINT,
    cause,
  });
}

function ended({ endpoint }: EiceService, code: number, why: string): RdsIamError {
  return tunnelError(`the EC2 Instance Connect Endpoint ${endpoint} ended the tunnel`, {
    detail: why === "" ? `Its WebSocket ended with code ${code}.` : `It said: ${why}.`,
    hint: "A tunnel may last an hour; the next login opens another. Otherwise, check that the instance is running and accepts connections from the endpoint on port 22.",
  });
}
