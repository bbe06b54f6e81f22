// A tunnel through the stand-in for Systems Manager, in this process, with a server behind it.
import type { Duplex } from "node:stream";
import type { AwsCaller } from "../../src/aws/rds-client.ts";
import { startSsmSession } from "../../src/aws/ssm-session.ts";
import type { RdsIamError } from "../../src/base/errors.ts";
import { KeyStore } from "../../src/demo/keys.ts";
import { ssmService } from "../../src/session/tunnel-ssm.ts";
import { ssmTunnel } from "../../src/via/ssm.ts";
import type { Destination, Tunnel } from "../../src/via/tunnel.ts";
import { type ByteServer, startByteServer } from "./ssm-bytes.ts";
import { type Pem, type SsmStandIn, startSsmStandIn } from "./ssm-stand-in.ts";

const TARGET = "i-0123456789abcdef0";

/** What a scene's tunnel is like. */
export interface SceneOptions {
  readonly sessions?: number;
  readonly connectTimeout?: number;
  readonly sessionLife?: number;
  /** Data channels are wss:// with this certificate. */
  readonly pem?: Pem;
  readonly env?: Readonly<Record<string, string>>;
}

/** A tunnel, the stand-in, and a server that knows the bytes of test/support/ssm-bytes.ts. */
export interface SsmScene extends AsyncDisposable {
  readonly ssm: SsmStandIn;
  readonly tunnel: Tunnel;
  readonly server: ByteServer;
  readonly destination: Destination;
  readonly caller: AwsCaller;
  readonly notes: string[];
  readonly broken: RdsIamError[];
  readonly connect: (isBrief?: boolean) => Promise<Duplex>;
}

/** Starts a scene. */
export async function startSsmScene(options: SceneOptions = {}): Promise<SsmScene> {
  const keys = new KeyStore();
  const key = keys.createStaticKey({ arn: "arn:aws:iam::123456789012:user/test" });
  const ssm = await startSsmStandIn(keys, options.pem);
  const server = await startByteServer();
  const credentials = async () => ({ ...key, source: "the test" });
  const env = { ...ssm.env, ...options.env };
  const caller = { credentials, region: "eu-west-1", calls: { env }, profile: undefined };
  const notes: string[] = [];
  const broken: RdsIamError[] = [];
  const service = ssmService(
    (forwarding) => startSsmSession({ ...forwarding, target: TARGET }, caller),
    () => caller,
    { addSecret: () => () => {} },
  );
  const tunnel = ssmTunnel(service, {
    env,
    connectTimeout: options.connectTimeout ?? 10_000,
    sessions: options.sessions ?? 8,
    sessionLife: options.sessionLife,
    findProgram: () => Promise.reject(new Error("no program is needed")),
    note: (line) => void notes.push(line),
    warn: (line) => void notes.push(line),
    onBroken: (error) => void broken.push(error),
  });
  const destination = { host: "db.example.com", port: server.port, address: "10.0.0.1" };
  return {
    ssm,
    tunnel,
    server,
    destination,
    caller,
    notes,
    broken,
    connect: (isBrief = false) =>
      tunnel.open({ ...destination, isBrief }, new AbortController().signal),
    [Symbol.asyncDispose]: async () => {
      await tunnel[Symbol.asyncDispose]();
      await ssm[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** The sessions that have not ended. */
export function open({ ssm }: SsmScene) {
  return ssm.sessions.filter(({ ended }) => ended === undefined);
}
