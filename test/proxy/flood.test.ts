// Which connection goes when too many have proven nothing; `npm run test:slow -- flood` has thousands.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { RawFrontend, startup } from "../support/raw-frontend.ts";
import { logIn, scene } from "../support/scripted-backend.ts";

const STARTUP = startup({ user: "app" });

async function connected(port: number): Promise<RawFrontend> {
  const frontend = new RawFrontend(port);
  await once(frontend.socket, "connect");
  return frontend;
}

test("proxy: 200 silent connections do not push out a login that is under way", async () => {
  await using stage = await scene(async (peer) => {
    await logIn(peer);
    await peer.message();
  });
  const login = new RawFrontend(stage.proxy.port);
  login.send(STARTUP);
  while (login.socket.bytesRead === 0) await once(login.socket, "data");
  const silent: RawFrontend[] = [];
  while (silent.length < 200) silent.push(await connected(stage.proxy.port));
  await Promise.all(silent.slice(0, 137).map(({ closed }) => closed));
  await login.prove(stage.proxy.secret);
  assert.equal((await login.messages("EZ")).at(-1)?.type, "Z");
  assert.equal(silent.filter(({ socket }) => !socket.destroyed).length, 63);
  for (const { socket } of [login, ...silent]) socket.destroy();
});

test("proxy: 64 stuck logins do not keep a new one out: the oldest of them goes", async () => {
  await using stage = await scene(async (peer) => {
    await logIn(peer);
    await peer.message();
  });
  const stuck: RawFrontend[] = [];
  while (stuck.length < 64) {
    const frontend = await connected(stage.proxy.port);
    frontend.send(STARTUP);
    await frontend.message();
    stuck.push(frontend);
  }
  const [oldest] = stuck;
  const silent = await connected(stage.proxy.port);
  await oldest?.closed;
  silent.send(STARTUP);
  await silent.prove(stage.proxy.secret);
  assert.equal((await silent.messages("EZ")).at(-1)?.type, "Z");
  assert.equal(stuck.filter(({ socket }) => socket.destroyed).length, 1);
  for (const { socket } of [silent, ...stuck]) socket.destroy();
});
