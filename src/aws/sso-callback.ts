// Waits on a loopback port for the browser that comes back from a login, once. Every program on this machine can reach the port,
// and so can every web page in the browser, under a name of its own that it points at 127.0.0.1: a request counts only with the
// Host header, path and state of this login. Whatever else comes is refused and changes nothing.
// https://www.rfc-editor.org/rfc/rfc8252#section-7.3, https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2

import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { listen } from "../base/listen.ts";

const HOST = "127.0.0.1";
const PATH = "/oauth/callback";

/** The redirect URI that is registered; the one of a login has a port. */
export const REGISTERED_REDIRECT = `http://${HOST}${PATH}`;

/** What the browser came back with: a code to exchange, or the error code of the service. */
export type CallbackAnswer =
  | { readonly code: string; readonly error?: undefined }
  | { readonly error: string; readonly description: string | undefined };

/** A listener for one answer. */
export interface CallbackListener extends AsyncDisposable {
  readonly redirectUri: string;
  /** Resolves once; never if the browser does not come back. */
  readonly answer: Promise<CallbackAnswer>;
}

// A browser opens a few; more come from an attacker that wants to keep it out, and the oldest is closed.
const MOST_CONNECTIONS = 32;
const LONGEST_VALUE = 8_192;

/** Opens the listener of a login; its state is a secret of the service and the browser. */
export async function listenForCallback(state: string): Promise<CallbackListener> {
  let resolve: (answer: CallbackAnswer) => void = () => {};
  const answer = new Promise<CallbackAnswer>((done) => {
    resolve = done;
  });
  let isAnswered = false;
  let authority = "";
  const server = createServer((request, response) => {
    const refusal = refusalOf(request, authority);
    if (refusal !== undefined) return reply(response, refusal);
    const found = isAnswered ? undefined : readAnswer(request.url ?? "", state);
    if (found === undefined) return reply(response, isAnswered ? USED : NOT_THIS_LOGIN);
    isAnswered = true;
    // The page first: the port is closed soon after the answer is known.
    reply(response, found.error === undefined ? DONE : REFUSED, () => resolve(found));
  });
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    const [oldest] = open;
    if (open.size > MOST_CONNECTIONS) oldest?.destroy();
  });
  const port = await listen(server, { host: HOST, port: 0 });
  authority = `${HOST}:${port}`;
  return {
    redirectUri: `http://${authority}${PATH}`,
    answer,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

interface Page {
  readonly status: number;
  readonly text: string;
}

const AGAIN = "Nothing has changed: the login goes on in the terminal.";
const DONE = { status: 200, text: "rdsiam goes on in the terminal. You can close this window." };
const REFUSED = { status: 200, text: "You are not logged in. You can close this window." };
const USED = { status: 410, text: "This login is over. You can close this window." };
const NOT_THIS_LOGIN = { status: 403, text: `This is not the login that was started. ${AGAIN}` };
const WRONG_HOST = {
  status: 421,
  text: `This is not the page that the login returns to. ${AGAIN}`,
};
const NO_PAGE = { status: 404, text: `This page does not exist. ${AGAIN}` };
const WRONG_METHOD = { status: 405, text: `Only GET requests are answered. ${AGAIN}` };

function refusalOf({ headers, method, url = "" }: IncomingMessage, authority: string) {
  // DNS rebinding: a page's own name, pointed at 127.0.0.1. https://cwe.mitre.org/data/definitions/350.html
  if (headers.host !== authority) return WRONG_HOST;
  if (!url.startsWith(`${PATH}?`) && url !== PATH) return NO_PAGE;
  return method === "GET" ? undefined : WRONG_METHOD;
}

// The answer in a request that has this login's state, everything in it once; undefined for any other.
function readAnswer(url: string, state: string): CallbackAnswer | undefined {
  const query = new URLSearchParams(url.slice(PATH.length + 1));
  const [given, code, error] = ["state", "code", "error"].map((name) => single(query, name));
  if (given === undefined || !isSame(given, state)) return undefined;
  if (error !== undefined) return { error, description: single(query, "error_description") };
  return code === undefined ? undefined : { code };
}

function single(query: URLSearchParams, name: string): string | undefined {
  const [value, ...more] = query.getAll(name);
  if (more.length > 0 || !value || value.length > LONGEST_VALUE) return undefined;
  return value;
}

// Of digests, which have one length: the time that it takes says nothing of either text.
function isSame(one: string, other: string): boolean {
  const [first, second] = [one, other].map((text) => createHash("sha256").update(text).digest());
  return first !== undefined && second !== undefined && timingSafeEqual(first, second);
}

function reply(response: ServerResponse, { status, text }: Page, sent?: () => void): void {
  // Nothing of the request is in it, nothing in it is loaded, and the URL with the code is told to no one.
  response.writeHead(status, {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    connection: "close",
  });
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><title>rdsiam</title><p>${text}</p></html>\n`;
  if (sent === undefined) return void response.end(body);
  // Whichever comes: the browser may be gone before it has read the page.
  response.once("close", sent);
  response.end(body, sent);
}
