// A login that is left to the tool and the server: every message goes on as it came (SCRAM, MD5, a cleartext password), and
// what the server says is watched up to its ReadyForQuery, for the key of CancelRequests. No auth token, no secret of ours.
// Only SCRAM-SHA-256-PLUS is taken out of the server's offer: it binds the login to the server's certificate, and the tool
// sees ours or none. https://www.postgresql.org/docs/current/sasl-authentication.html
import { Buffer } from "node:buffer";
import {
  encodeAuthenticationSasl,
  readAuthenticationName,
  readAuthenticationSasl,
  readBackendKeyData,
} from "../protocol/authentication.ts";
import { readErrorFields } from "../protocol/error-response.ts";
import { type Message, readMessage } from "../protocol/message.ts";
import {
  type Decoded,
  encodeStartupMessage,
  replaceParameters,
  type StartupMessage,
} from "../protocol/startup-packet.ts";
import {
  type Backend,
  type BackendConnection,
  type BackendSession,
  brokenOff,
} from "./backend-login.ts";
import { deadline } from "../base/deadline.ts";
import { BackendRefusal } from "./failure.ts";
import { violation } from "./frontend-refused.ts";
import type { Frontend } from "./frontend-startup.ts";
import { SocketReader } from "./socket-reader.ts";
import { loginTimedOut } from "./timed-out.ts";

const MAX_FROM_FRONTEND = 256 * 1024; // bytes before ReadyForQuery; four times what PostgreSQL takes for a password
const MAX_MESSAGE = 1024 * 1024; // bytes; as for the logins with an auth token
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
  login: PassedLogin,
): Promise<BackendSession> {
  const { backend, message } = login;
  using limit = deadline(backend.loginTimeout, () => loginTimedOut(backend));
  const reader = new SocketReader(connection.socket, MAX_MESSAGE);
  const startup = replaceParameters(message, backend.parameters ?? {});
  connection.socket.write(encodeStartupMessage(startup));
  const pumping = pump(frontend, connection, limit.signal).catch(limit.abort);
  try {
    const cancelKey = await watch(frontend, reader, { ...login, signal: limit.signal });
    limit.abort(new Error("the login is over"));
    await pumping;
    const { socket, address } = connection;
    return { socket, address, cancelKey, greeting: Buffer.alloc(0), rest: reader.detach() };
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
    const chunk = await frontend.reader.take(everything, signal);
    passed += chunk.length;
    if (passed > MAX_FROM_FRONTEND) throw violation("the login is too long");
    socket.write(chunk);
  }
}

function everything(bytes: Buffer): Decoded<Buffer> | undefined {
  return bytes.length === 0 ? undefined : { value: bytes, length: bytes.length };
}

async function watch(
  frontend: Frontend,
  reader: SocketReader,
  { admit, signal }: PassedLogin & { readonly signal: AbortSignal },
): Promise<BackendSession["cancelKey"]> {
  let cancelKey: BackendSession["cancelKey"];
  for (;;) {
    const message = await reader.take((bytes) => readMessage(bytes, () => MAX_MESSAGE), signal);
    if (message.type === "E") throw new BackendRefusal(message.body, readErrorFields(message.body));
    if (message.type === "R" && readAuthenticationName(message.body) === "AuthenticationOk")
      admit();
    if (message.type === "K") cancelKey = readBackendKeyData(message.body);
    frontend.socket.write(message.type === "R" ? withoutChannelBinding(message) : message.bytes);
    if (message.type === "Z") return cancelKey;
  }
}

function withoutChannelBinding({ bytes, body }: Message): Buffer {
  const mechanisms = readAuthenticationSasl(body);
  if (mechanisms?.includes(PLUS) !== true) return bytes;
  return encodeAuthenticationSasl(mechanisms.filter((name) => name !== PLUS));
}
