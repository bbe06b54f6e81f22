// The tunnel through AWS Systems Manager, whose data channel is opened here: no plugin, and a session for each connection.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html

import { countText } from "../base/count.ts";
import { unlessAborted } from "../base/deadline.ts";
import { RdsIamError } from "../base/errors.ts";
import type { DataKey } from "../ssm/handshake.ts";
import { PortSession, type StartedSession } from "../ssm/session.ts";
import { openWebSocket, type SocketDial } from "../ssm/websocket.ts";
import { SessionPool } from "./ssm-pool.ts";
import { type Destination, type Tunnel, tunnelError, type TunnelOptions } from "./tunnel.ts";

/** Opens a port forwarding session to a host and port as seen from an instance. */
export type StartSsmSession = (request: {
  readonly host: string;
  readonly port: number;
}) => Promise<StartedSession>;

/** What Systems Manager and AWS KMS do for a session. */
export interface SsmService {
  readonly startSession: StartSsmSession;
  /** A new token for a session that was cut, or why there will be none. */
  readonly resumeSession: (sessionId: string) => Promise<string | Error>;
  readonly endSession: (sessionId: string) => Promise<void>;
  readonly makeDataKey: (keyId: string, session: StartedSession) => Promise<DataKey>;
  readonly dial: (session: StartedSession) => Promise<SocketDial>;
}

/** What the tunnel needs of the run, how many sessions it opens at once, and for how long it keeps them, in milliseconds. */
interface SsmTunnelOptions extends TunnelOptions {
  readonly sessions: number;
  readonly sessionLife?: number | undefined;
}

/** Makes a tunnel that opens its sessions when they are needed. */
export function ssmTunnel(service: SsmService, options: SsmTunnelOptions): Tunnel {
  const { connectTimeout, note, onBroken, sessionLife, sessions } = options;
  const pool = new SessionPool({
    open: (destination, signal) => openSession({ destination, service, note }, signal),
    limit: sessions,
    life: sessionLife,
    timeout: connectTimeout,
    timedOut: () =>
      tunnelError(`Systems Manager opened no session in ${connectTimeout / 1_000} s`, {
        detail: "It did not answer the request, or the agent did not complete the handshake.",
        hint: "Check that the instance runs, and its SSM agent; rds_connect_timeout is the limit.",
      }),
    allTaken: () =>
      tunnelError(
        `${countText(sessions, "session")} of Systems Manager in use, and there may be no more`,
        {
          detail: "The SSM agent is from before 2020, and carries only one connection per session.",
          hint: "Update the agent, or raise rds_ssm_sessions.",
        },
      ),
    note,
  });
  return {
    open: async (destination, signal) => {
      const stream = await pool.connect(destination, signal);
      stream.once("error", (error) => {
        if (stream.hasRead && error instanceof RdsIamError) onBroken(error);
      });
      return stream;
    },
    prepare: (destination) => pool.prepare(destination),
    [Symbol.asyncDispose]: () => pool.close(),
  };
}

interface SessionRequest {
  readonly destination: Destination;
  readonly service: SsmService;
  readonly note: TunnelOptions["note"];
}

async function openSession(
  { destination, note, service }: SessionRequest,
  signal: AbortSignal,
): Promise<PortSession> {
  const { address, port } = destination;
  const starting = service.startSession({ host: address, port });
  const started = await unlessAborted(starting, signal).catch((error: unknown) => {
    // What is given up may still be started.
    void starting.then((late) => service.endSession(late.response.SessionId)).catch(() => {});
    throw error;
  });
  const { target } = started;
  const { SessionId: sessionId, StreamUrl, TokenValue } = started.response;
  try {
    const session = await PortSession.open(
      {
        token: TokenValue,
        connect: (limit) => connect(service, started, limit),
        // The plugin asks for no token where the URL itself is signed.
        resume: () =>
          StreamUrl.includes("X-Amz-")
            ? Promise.resolve(new Error("its URL is good for one connection"))
            : service.resumeSession(sessionId),
        end: () => service.endSession(sessionId),
        makeDataKey: (keyId) => service.makeDataKey(keyId, started),
        failed: (reason, isOpen) => connectionError(reason, { target, destination, isOpen }),
      },
      signal,
    );
    note(`tunnel: session ${sessionId} to ${address}:${port}; ${session.description}`);
    return session;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RdsIamError) throw error;
    throw tunnelError(`the session of Systems Manager on ${target} could not be opened`, {
      detail: (error as Error).message,
      hint: `Check the agent: aws ssm describe-instance-information --filters Key=InstanceIds,Values=${target}`,
    });
  }
}

async function connect(service: SsmService, session: StartedSession, signal: AbortSignal) {
  const { explain, ...dialed } = await unlessAborted(service.dial(session), signal);
  try {
    return await openWebSocket(dialed, signal);
  } catch (cause) {
    signal.throwIfAborted();
    const { host } = new URL(dialed.url);
    throw (
      explain(cause) ??
      tunnelError(`could not open the data channel to ${host}`, {
        detail: (cause as Error).message,
        hint: `Check that this network lets WebSockets to ${host} through.`,
        cause,
      })
    );
  }
}

interface FailedConnection {
  readonly target: string;
  readonly destination: Destination;
  /** Whether the database had answered. */
  readonly isOpen: boolean;
}

function connectionError(
  reason: Error,
  { destination, isOpen, target }: FailedConnection,
): RdsIamError {
  if (reason instanceof RdsIamError) return reason;
  const { address, host, port } = destination;
  return isOpen
    ? tunnelError(`the Session Manager connection to ${host} port ${port} broke`, {
        detail: reason.message,
        hint: "The next login starts a new session. Idle sessions end after the time in Session Manager's preferences.",
      })
    : tunnelError(`${target} opened no connection to ${host} port ${port}`, {
        detail: reason.message,
        hint: `Check that the instance resolves and reaches ${address}, and that the database's security group lets it in.`,
      });
}
