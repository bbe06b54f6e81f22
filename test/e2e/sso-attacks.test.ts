// What other programs, other users and web pages can send to the port on which a login waits for the browser: each is refused, and
// the login still ends well.
// https://datatracker.ietf.org/doc/html/rfc8252#section-8, https://cwe.mitre.org/data/definitions/350.html
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import process from "node:process";
import { test } from "node:test";
import { getRequest, sendRaw, startLogin, type WaitingLogin } from "../support/sso-login.ts";
import { startSsoStage } from "../support/sso-stage.ts";

const PATH = "/oauth/callback";
const CODE = "code-of-an-attacker";
const SCRIPT = "%3Cscript%3Ealert(1)%3C%2Fscript%3E<script>alert(2)</script>";

/** What an attacker sends who does not know the state, or cannot send it as the browser does; and the statuses that refuse it. */
type Attack = readonly [
  what: string,
  bytes: (login: WaitingLogin) => string | Buffer,
  refusals: readonly number[],
];

const query = (state: string): string => `${PATH}?code=${CODE}&state=${state}`;
const withHost =
  (host: (port: number) => string) =>
  ({ port, state }: WaitingLogin): string =>
    getRequest(port, query(state), host(port));
const at =
  (target: (state: string) => string) =>
  ({ port, state }: WaitingLogin): string =>
    getRequest(port, target(state));
const by =
  (method: string) =>
  ({ port, state }: WaitingLogin): string =>
    getRequest(port, query(state)).replace("GET", method);

// Even with the state: the page of another name is not the service's redirect.
const HOSTS: readonly Attack[] = [
  ["DNS rebinding", withHost((port) => `evil.example:${port}`), [421]],
  [
    "DNS rebinding with a name like ours",
    withHost((port) => `127.0.0.1.evil.example:${port}`),
    [421],
  ],
  ["localhost", withHost((port) => `localhost:${port}`), [421]],
  ["no port in Host", withHost(() => "127.0.0.1"), [421]],
  ["another port in Host", withHost((port) => `127.0.0.1:${port + 1}`), [421]],
  ["another spelling of the address", withHost((port) => `127.1:${port}`), [421]],
  ["an empty Host", withHost(() => ""), [421, 400]],
  [
    "no Host",
    ({ state }) => `GET ${query(state)} HTTP/1.1\r\nConnection: close\r\n\r\n`,
    [400, 421],
  ],
  ["HTTP/1.0 without Host", ({ state }) => `GET ${query(state)} HTTP/1.0\r\n\r\n`, [400, 421]],
];

const STATES: readonly Attack[] = [
  ["a wrong state", at(() => query("x".repeat(43))), [403]],
  ["no state", at(() => `${PATH}?code=${CODE}`), [403]],
  ["an empty state", at(() => query("")), [403]],
  ["no query", at(() => PATH), [403]],
  ["half of the state", at((state) => query(state.slice(0, state.length / 2))), [403]],
  ["the state and more", at((state) => query(`${state}0`)), [403]],
  ["the state in capitals", at((state) => query(state.toUpperCase())), [403]],
  ["the state twice", at((state) => `${query(state)}&state=${state}`), [403]],
  ["a wrong state and the state", at((state) => `${query("x")}&state=${state}`), [403]],
  ["the state as a list", at((state) => `${PATH}?code=${CODE}&state[]=${state}`), [403]],
  ["an error with a wrong state", at(() => `${PATH}?error=access_denied&state=x`), [403]],
  ["the state without a code", at((state) => `${PATH}?state=${state}`), [403]],
  ["the state with an empty code", at((state) => `${PATH}?code=&state=${state}`), [403]],
  ["the state with two codes", at((state) => `${query(state)}&code=2`), [403]],
  ["markup as state and error", at(() => `${PATH}?state=${SCRIPT}&error=${SCRIPT}`), [403, 400]],
];

const REQUESTS: readonly Attack[] = [
  ["/", at(() => "/"), [404]],
  ["/favicon.ico", at(() => "/favicon.ico"), [404]],
  ["markup as path", at(() => `/${SCRIPT}`), [404, 400]],
  ["a path below", at((state) => query(state).replace("?", "/?")), [404]],
  ["a path in capitals", at((state) => query(state).replace(PATH, PATH.toUpperCase())), [404]],
  ["a path with dots", at((state) => `/x/..${query(state)}`), [404]],
  ["a path with two slashes", at((state) => `/${query(state)}`), [404]],
  ["an absolute URL", at((state) => `http://evil.example${query(state)}`), [404]],
  ["POST", by("POST"), [405]],
  ["HEAD", by("HEAD"), [405]],
  ["OPTIONS, before a page's own request", by("OPTIONS"), [405]],
  ["PUT", by("PUT"), [405]],
  [
    "CONNECT",
    ({ port }) => `CONNECT evil.example:1 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`,
    [0, 400, 404, 405],
  ],
  ["an unknown method", by("STEAL"), [0, 400, 405]],
  ["a line of 1 MB", at(() => query("x".repeat(1_000_000))), [0, 400, 403, 414, 431]],
  [
    "a header of 1 MB",
    ({ port }) => getRequest(port, PATH, `x${"y".repeat(1_000_000)}`),
    [0, 400, 431],
  ],
  ["TLS", () => Buffer.from("16030100f8010000f40303", "hex"), [0, 400]],
  ["noise", () => Buffer.alloc(2_000, 0xfe), [0, 400]],
];

test("login: each attack on the callback's port is refused, and the login ends well afterwards", async () => {
  await using stage = await startSsoStage();
  await using login = await startLogin(stage);
  const { ended, port, url } = login;
  const silent = await hold(port, 40, "");
  const slow = await hold(port, 40, `GET ${PATH}?code=`);
  for (const [what, bytes, refusals] of [...HOSTS, ...STATES, ...REQUESTS]) {
    const { status, text } = await sendRaw(port, bytes(login));
    assert.ok(refusals.includes(status), `${what}: ${status} ${text.slice(0, 300)}`);
    assert.doesNotMatch(text, /<script|alert|evil|of-an-attacker/i, what);
    if (status > 200 && /^content-type: text\/html/im.test(text)) assertGuarded(text, what);
  }
  await assertOtherAddressesClosed(port);
  await assertOtherUserRefused(port);
  assert.equal(stage.sso.count("CreateToken"), 0);
  // Now the person: the page of the service leads to the port.
  const page = await fetch(url);
  assert.equal(page.status, 200);
  assertGuarded([...page.headers].map(([name, value]) => `${name}: ${value}\n`).join(""), "page");
  assert.match(await page.text(), /You can close this window/i);
  const { status, stderr, stdout } = await ended;
  assert.equal(status, 0, stderr);
  assert.deepEqual(
    stage.sso.calls.map(({ action, status: answered }) => `${action} ${answered}`),
    ["RegisterClient 200", "Authorize 302", "CreateToken 200"],
  );
  for (const secret of stage.sso.oidc.secrets) assert.ok(!(stdout + stderr).includes(secret));
  for (const socket of [...silent, ...slow]) socket.destroy();
  assert.equal((await sendRaw(port, getRequest(port, query(login.state)))).status, 0, "over");
});

// Without a word that could be run or that tells anybody the URL, which has the code.
function assertGuarded(headers: string, what: string): void {
  assert.match(headers, /^content-security-policy: default-src 'none'/im, what);
  assert.match(headers, /^cache-control: no-store/im, what);
  assert.match(headers, /^referrer-policy: no-referrer/im, what);
  assert.doesNotMatch(headers, /^access-control-allow/im, what);
}

// Connections that send nothing more.
async function hold(port: number, count: number, text: string): Promise<readonly Socket[]> {
  const sockets = Array.from({ length: count }, () => connect({ host: "127.0.0.1", port }));
  for (const socket of sockets) socket.on("error", () => {}).write(text);
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  return sockets;
}

async function assertOtherAddressesClosed(port: number): Promise<void> {
  const others = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ address, scopeid }) => address !== "127.0.0.1" && !scopeid)
    .map(({ address }) => address);
  for (const address of new Set(["127.0.0.2", "::1", ...others]))
    assert.equal((await sendRaw(port, getRequest(port, "/"), address)).status, 0, address);
}

// A user who sees the port, as everybody on the machine does, and has no state.
async function assertOtherUserRefused(port: number): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const script = `fetch("http://127.0.0.1:${port}${query("guessed")}").then((r) => process.exit(r.status - 400))`;
  const other = spawn(process.execPath, ["-e", script], { uid: 65_534, gid: 65_534, cwd: "/" });
  const [status] = (await once(other, "exit")) as [number | null];
  assert.equal(status, 3, "403 for another user");
}

test("login: the first answer with the state counts, a second one does not", async () => {
  await using stage = await startSsoStage();
  await using login = await startLogin(stage);
  const { ended, port, url } = login;
  const redirect = await fetch(url, { redirect: "manual" });
  const target = new URL(redirect.headers.get("location") ?? "");
  const right = getRequest(port, target.pathname + target.search);
  target.searchParams.set("code", CODE);
  const wrong = getRequest(port, target.pathname + target.search);
  const [first, second] = await Promise.all([sendRaw(port, right), sendRaw(port, wrong)]);
  assert.equal(first?.status, 200);
  assert.ok([0, 410].includes(second?.status ?? -1), String(second?.status));
  assert.equal((await ended).status, 0);
  assert.equal(stage.sso.count("CreateToken"), 1);
});
