// A session of rdsiam's own data channel with a stand-in, without the rest of rdsiam.
import { Buffer } from "node:buffer";
import { readFile } from "node:fs/promises";
import { Agent } from "node:https";
import type { Duplex } from "node:stream";
import { PortSession } from "../../src/ssm/session.ts";
import { openWebSocket } from "../../src/ssm/websocket.ts";
import {
  callSsm,
  sessionRequest,
  signatureHeaders,
  type SsmDestination,
  type SsmService,
} from "./ssm-agent.ts";

const OPEN_LIMIT = 20_000; // ms

/** An open session. */
export interface OwnSession extends AsyncDisposable {
  readonly connect: () => Duplex;
}

/** Starts a session to a host and port, and opens its data channel. */
export async function openOwn(
  service: SsmService,
  destination: SsmDestination,
): Promise<OwnSession> {
  const request = sessionRequest(destination);
  const { SessionId, StreamUrl, TokenValue } = await callSsm(service, "StartSession", request);
  const url = required(StreamUrl);
  const root = service.env["NODE_EXTRA_CA_CERTS"];
  const agent = url.startsWith("wss:")
    ? new Agent({ ca: await readFile(required(root)) })
    : undefined;
  const session = await PortSession.open(
    {
      token: required(TokenValue),
      connect: (signal) =>
        openWebSocket({ url, headers: signatureHeaders("ssmmessages"), agent }, signal),
      resume: async () =>
        required((await callSsm(service, "ResumeSession", { SessionId })).TokenValue),
      end: async () => {
        await callSsm(service, "TerminateSession", { SessionId });
      },
      makeDataKey: async (KeyId) => {
        const EncryptionContext = {
          "aws:ssm:SessionId": SessionId,
          "aws:ssm:TargetId": request.Target,
        };
        const asked = { KeyId, NumberOfBytes: 64, EncryptionContext };
        const key = await callSsm(service, "GenerateDataKey", asked);
        return { plaintext: decoded(key["Plaintext"]), ciphertext: decoded(key["CiphertextBlob"]) };
      },
      failed: (reason) => reason,
    },
    AbortSignal.timeout(OPEN_LIMIT),
  );
  return {
    connect: () => session.connect(),
    [Symbol.asyncDispose]: async () => {
      await session.close();
      agent?.destroy();
    },
  };
}

function decoded(base64: string | undefined): Buffer {
  return Buffer.from(required(base64), "base64");
}

function required(value: string | undefined): string {
  if (value === undefined) throw new Error("the stand-in left something out of its answer");
  return value;
}
