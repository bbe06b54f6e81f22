// A login that is left to the tool and the server: every message goes on as it came (SCRAM, MD5, a cleartext password), and
// what the server says is watched up to its ReadyForQuery, for the key of CancelRequests. No auth token, no secret of ours.
// Only SCRAM-SHA-256-PLUS is taken out of the server's offer: it binds the login to the server's certificate, and the tool
// sees ours or none. https://www.postgresql.org/docs/current/sasl-authentication.html
import type { Buffer } from "node:buffer";
import {
  encodeAuthenticationSasl,
  readAuthenticationName,
  readAuthenticationSasl,
} from "../protocol/authentication.ts";
import type { Message } from "../protocol/message.ts";
import {
  encodeStartupMessage,
  replaceParameters,
  type StartupMessage,
} from "../protocol/startup-packet.ts";
import {
  type Backend,
  type BackendConnection,
  type BackendSession,
  brokenOff,
  MAX_LOGIN_BYTES,
  readGreeting,
} from "./backend-login.ts";
import { deadline } from "../base/deadline.ts";
import { loginTimedOut, violation } from "./failure.ts";
import type { Frontend } from "./frontend-login.ts";
import { SocketReader } from "../base/socket-reader.ts";

const MAX_FROM_FRONTEND = 256 * 1024; // bytes before ReadyForQuery; four times what PostgreSQL takes for a password
const PLUS = "SCRAM-SHA-256-PLUS";

/** A login to pass through. */
export interface PassedLogin {
  readonly backend: Backend;
  readonly message: StartupMessage;
  /** Called before AuthenticationOk goes on; throws when there is no room for the session. */
  readonly admit: () => void;
}

/** Relays the login until the server is ready for a query; rejects with BackendRefusal when it refuses. */
export async function passLogin(
  frontend: Frontend,
  connection: BackendConnection,
  { backend, message, admit }: PassedLogin,
): Promise<BackendSession> {
  using limit = deadline(backend.loginTimeout, () => loginTimedOut(backend));
  const reader = new SocketReader(connection.socket, MAX_LOGIN_BYTES);
  const startup = replaceParameters(message, backend.parameters ?? {});
  connection.socket.write(encodeStartupMessage(startup));
  const pumping = pump(frontend, connection, limit.signal).catch(limit.abort);
  try {
    const cancelKey = await readGreeting(reader, limit.signal, (answer) => {
      if (answer.type === "R" && readAuthenticationName(answer.body) === "AuthenticationOk")
        admit();
      frontend.socket.write(answer.type === "R" ? withoutChannelBinding(answer) : answer.bytes);
    });
    limit.abort(new Error("the login is over"));
    await pumping;
    const { socket, address } = connection;
    return { socket, address, cancelKey, read: reader.detach() };
  } catch (error) {
    reader.detach();
    connection.socket.destroy();
    throw (
      connection.brokenBy() ?? (error === limit.signal.reason ? error : brokenOff(error, backend))
    );
  }
}

async function pump(
  frontend: Frontend,
  { socket }: BackendConnection,
  signal: AbortSignal,
): Promise<void> {
  let passed = 0;
  for (;;) {
    const chunk = await frontend.reader.take(
      (bytes) => (bytes.length === 0 ? undefined : { value: bytes, length: bytes.length }),
      signal,
    );
    passed += chunk.length;
    if (passed > MAX_FROM_FRONTEND) throw violation("the login is too long");
    socket.write(chunk);
  }
}

function withoutChannelBinding({ bytes, body }: Message): Buffer {
  const mechanisms = readAuthenticationSasl(body);
  if (mechanisms?.includes(PLUS) !== true) return bytes;
  return encodeAuthenticationSasl(mechanisms.filter((name) => name !== PLUS));
}
