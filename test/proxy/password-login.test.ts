// Logins with a password instead of an auth token: what a backend may ask for, and what it may not leave out.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { RdsIamError } from "../../src/base/errors.ts";
import { errorFields, int32, RawFrontend, startup } from "../support/raw-frontend.ts";
import type { PasswordProvider } from "../../src/proxy/backend-authentication.ts";
import {
  ASK_CLEARTEXT,
  AUTHENTICATION_OK,
  type BackendPeer,
  HOST,
  KEY,
  logIn,
  message,
  READY,
  scene,
  type SceneOptions,
  type Script,
} from "../support/scripted-backend.ts";

const PASSWORD = "the-password-of-this-test";
const OFFER = message("R", int32(10), "SCRAM-SHA-256\0\0");

function passwords(more: SceneOptions = {}): SceneOptions {
  const get = () => Promise.resolve({ password: PASSWORD, reused: false });
  return { login: { kind: "password", get }, ...more };
}

/** The ErrorResponse that a tool gets from a login; undefined when it is ready. */
async function logInThrough(script: Script, options = passwords()) {
  await using stage = await scene(script, options);
  const frontend = new RawFrontend(stage.proxy.port);
  frontend.send(startup({ user: "app", database: "orders" }));
  await frontend.prove(stage.proxy.secret);
  const answer = (await frontend.messages("EZ")).at(-1);
  assert.ok(!stage.received().includes("the-auth-token"));
  return answer?.type === "E" ? errorFields(answer) : undefined;
}

test("proxy: a password is asked for once the server asks, for the user and the database of the login", async () => {
  const asked: unknown[] = [];
  const login: PasswordProvider = {
    kind: "password",
    get: ({ user, database }) => {
      asked.push([user, database]);
      return Promise.resolve({ password: PASSWORD, reused: false });
    },
  };
  const trusts: Script = async (peer) => {
    await peer.packet();
    peer.send(AUTHENTICATION_OK, READY);
  };
  assert.equal(await logInThrough(trusts, { login }), undefined);
  assert.deepEqual(asked, []);
  let sent = "";
  const asks: Script = async (peer) => {
    await peer.packet();
    peer.send(ASK_CLEARTEXT);
    sent = (await peer.message()).body.toString();
    peer.send(AUTHENTICATION_OK, READY);
  };
  assert.equal(await logInThrough(asks, { login }), undefined);
  assert.deepEqual([sent, asked], [`${PASSWORD}\0`, [["app", "orders"]]]);
});

test("proxy: a provider that chooses the user is asked first, and once more when its password has become old", async () => {
  const asked: unknown[] = [];
  const login: PasswordProvider = {
    kind: "password",
    choosesUser: true,
    get: ({ user, database }, { fresh }) => {
      asked.push([user, database, fresh]);
      const password = fresh ? "new" : "old";
      return Promise.resolve({ password, user: `IAM:${user}`, reused: !fresh });
    },
  };
  const heard: string[] = [];
  const expiring: Script = async (peer) => {
    heard.push((await peer.packet()).toString("latin1", 4));
    peer.send(message("R", int32(5), "salt"));
    heard.push((await peer.message()).body.toString());
    if (heard.length > 2) peer.send(AUTHENTICATION_OK, KEY, READY);
    else peer.send(message("E", "SFATAL\0C28P01\0Mpassword authentication failed\0\0"));
  };
  assert.equal(await logInThrough(expiring, { login }), undefined);
  assert.deepEqual(asked, [
    ["app", "orders", false],
    ["app", "orders", true],
  ]);
  const md5 = (text: string): string => createHash("md5").update(text).digest("hex");
  const answers = ["old", "new"].map(
    (password) => `md5${md5(`${md5(`${password}IAM:app`)}salt`)}\0`,
  );
  const first = "database\0orders\0user\0IAM:app\0\0";
  assert.deepEqual(heard, [first, answers[0], first, answers[1]]);
});

test("proxy: a server that begins SCRAM and does not finish its proof gets no session", async () => {
  const early: Script = async (peer) => {
    await peer.packet();
    peer.send(OFFER);
    await peer.message();
    peer.send(AUTHENTICATION_OK, KEY, READY);
  };
  const error = await logInThrough(early);
  assert.equal(error?.["M"], `${HOST} did not prove that it knows the password`);
  const turned = async (peer: BackendPeer): Promise<void> => {
    await peer.packet();
    peer.send(OFFER);
    await peer.message();
    peer.send(ASK_CLEARTEXT);
    await peer.message();
  };
  const refused = await logInThrough(turned);
  assert.match(
    refused?.["D"] ?? "",
    /AuthenticationCleartextPassword came after AuthenticationSASL/,
  );
});

test("proxy: a method that no password answers is named, without a word of IAM", async () => {
  for (const [ask, step] of [
    [message("R", int32(7)), "AuthenticationGSS"],
    [message("R", int32(10), "OAUTHBEARER\0\0"), "AuthenticationSASL"],
  ] as const) {
    const error = await logInThrough(async (peer) => {
      await peer.packet();
      peer.send(ask);
      await peer.message();
    });
    const said = Object.values(error ?? {}).join(" ");
    assert.match(said, new RegExp(`does not accept a password for this user .*requested ${step}`));
    assert.doesNotMatch(said, /IAM|rds_iam|token/);
  }
});

test("proxy: a command that fails, or is never done, is told to the tool", async () => {
  const asks: Script = async (peer) => {
    await peer.packet();
    peer.send(ASK_CLEARTEXT);
    await peer.message();
  };
  const why = new RdsIamError("the password command failed", { code: "ERR_CREDENTIALS" });
  const failed = await logInThrough(asks, {
    login: { kind: "password", get: () => Promise.reject(why) },
  });
  assert.equal(failed?.["M"], why.message);
  const late = await logInThrough(asks, {
    login: { kind: "password", get: () => new Promise(() => {}) },
    backend: { loginTimeout: 500 },
  });
  assert.equal(late?.["M"], `no password for ${HOST} in 0.5 s`);
});

test("proxy: with one user to log in, all others do it themselves, and nothing of ours is theirs", async () => {
  const heard: string[] = [];
  await using stage = await scene(
    async (peer) => {
      heard.push((await peer.packet()).toString("latin1", 4));
      peer.send(ASK_CLEARTEXT);
      heard.push((await peer.message()).body.toString());
      peer.send(AUTHENTICATION_OK, KEY, READY);
    },
    passwords({ onlyUser: "app" }),
  );
  for (const user of ["App", "app\u0020", "other"]) {
    const frontend = new RawFrontend(stage.proxy.port);
    frontend.send(startup({ user }));
    const [asked] = await frontend.messages("R");
    assert.deepEqual(asked?.body, int32(3));
    frontend.send(message("p", `${user}'s own\0`));
    await frontend.messages("Z");
    frontend.socket.destroy();
    assert.deepEqual(heard.splice(0), [`user\0${user}\0\0`, `${user}'s own\0`]);
  }
  const own = new RawFrontend(stage.proxy.port);
  own.send(startup({ user: "app" }));
  await own.prove(stage.proxy.secret);
  await own.messages("Z");
  assert.equal(heard[1], `${PASSWORD}\0`);
  own.socket.destroy();
});

test("proxy: a wrong secret of the proxy's own is not passed on for the one user", async () => {
  await using stage = await scene(logIn, passwords({ onlyUser: "app" }));
  const frontend = new RawFrontend(stage.proxy.port);
  frontend.send(startup({ user: "app" }));
  await frontend.prove("not the secret").catch(() => {});
  await frontend.closed;
  assert.equal(stage.connections(), 0);
});
