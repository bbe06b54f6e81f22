// One `rdsiam login` that waits for a browser, and what a test or an attacker sends to its port on the way.
import type { Buffer } from "node:buffer";
import { connect } from "node:net";
import { COMMAND, type Finished, run } from "./program.ts";
import type { SsoStage } from "./sso-stage.ts";

/** A login that waits; disposed of, it is killed. */
export interface WaitingLogin extends AsyncDisposable {
  /** The page that a person is to open. */
  readonly url: URL;
  /** What the service sends the browser back with. */
  readonly state: string;
  readonly port: number;
  readonly ended: Promise<Finished>;
}

/** Starts `rdsiam login --no-browser` for a profile, and waits until it has printed its page. */
export async function startLogin(
  { env }: Pick<SsoStage, "env">,
  args: readonly string[] = ["--profile", "sso"],
): Promise<WaitingLogin> {
  let shown: (text: string) => void = () => {};
  let kill: () => void = () => {};
  const page = new Promise<string>((resolve) => (shown = resolve));
  const ended = run([...COMMAND, "login", "--no-browser", ...args], {
    env,
    started: (child) => {
      const { stderr, stdout } = child;
      kill = () => child.kill("SIGKILL");
      let text = "";
      for (const stream of [stdout, stderr]) {
        stream?.on("data", (chunk: Buffer) => {
          text += chunk.toString();
          const found = /https?:\/\/\S+\/(?:authorize|device)\?\S+(?=\s)/.exec(text)?.[0];
          if (found !== undefined) shown(found);
        });
      }
    },
  });
  const early = ended.then(({ stderr }) => {
    throw new Error(`the login ended before it had shown a page: ${stderr}`);
  });
  const url = new URL(await Promise.race([page, early]));
  early.catch(() => {});
  const redirect = url.searchParams.get("redirect_uri");
  const state = url.searchParams.get("state") ?? "";
  const port = Number(redirect === null ? 0 : new URL(redirect).port);
  return {
    url,
    state,
    port,
    ended,
    async [Symbol.asyncDispose]() {
      kill();
      await ended;
    },
  };
}

/** The answer to a request: its status, 0 where the connection was closed or refused without one. */
export interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

/** Sends bytes to a port and reads what comes until the end. */
export async function sendRaw(
  port: number,
  bytes: string | Buffer,
  host = "127.0.0.1",
): Promise<RawAnswer> {
  const socket = connect({ host, port });
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  // A refusal or a reset is an end as any other; once() would reject.
  const closed = new Promise<void>((resolve) => {
    socket.on("error", () => {}).once("close", () => resolve());
  });
  socket.write(bytes);
  await closed;
  return { status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0), text };
}

/** A GET's text, with the Host header of the port unless it is told otherwise. */
export function getRequest(port: number, target: string, host = `127.0.0.1:${port}`): string {
  return `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
}
