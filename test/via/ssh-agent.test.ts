// OpenSSH's own programs as judges of the agent: they list its key, sign with it and verify what it has signed.
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { sshAgent, SshKey } from "../../src/via/ssh-agent.ts";
import { closed } from "../support/listen.ts";
import { run } from "../support/program.ts";
import { lacking } from "../support/via-servers.ts";
import { temporaryDirectory } from "../support/keep.ts";

const skip = lacking("ssh-add", "ssh-keygen");
const key = new SshKey();
let asked = 0;
let refuses = false;
const agent = sshAgent(key, async () => {
  asked += 1;
  if (refuses) throw new Error("no");
});
const directory = await temporaryDirectory("agent");
const path = join(directory, "a");
agent.listen({ path });
await once(agent, "listening");
after(() => agent.close());

test("sshAgent() + ssh-add lists its key, after it was asked for", { skip }, async () => {
  const listed = await run(["ssh-add", "-L"], { env: { SSH_AUTH_SOCK: path } });
  assert.deepEqual([listed.status, listed.stdout], [0, `${key.publicKey}\n`]);
  assert.equal(asked, 1);
  refuses = true;
  const refused = await run(["ssh-add", "-L"], { env: { SSH_AUTH_SOCK: path } });
  refuses = false;
  assert.notEqual(refused.status, 0);
});

test(
  "sshAgent() + ssh-keygen signs with its key, and takes the signature for good",
  { skip },
  async () => {
    const pub = join(directory, "key.pub");
    const text = join(directory, "text");
    await writeFile(pub, `${key.publicKey}\n`);
    await writeFile(text, "what is signed");
    await writeFile(join(directory, "signers"), `me ${key.publicKey}\n`);
    const env = { SSH_AUTH_SOCK: path };
    const signed = await run(["ssh-keygen", "-Y", "sign", "-n", "file", "-f", pub, text], { env });
    assert.equal(signed.status, 0, signed.stderr);
    const verify = ["-Y", "verify", "-n", "file", "-I", "me", "-f", join(directory, "signers")];
    const good = await run(["ssh-keygen", ...verify, "-s", `${text}.sig`], {
      input: "what is signed",
    });
    assert.equal(good.status, 0, good.stderr);
    const bad = await run(["ssh-keygen", ...verify, "-s", `${text}.sig`], { input: "another" });
    assert.notEqual(bad.status, 0);
  },
);

test("sshAgent() + what it does not know it refuses, and too much ends the connection", async (t) => {
  const socket = connect({ path });
  t.after(() => socket.destroy());
  const signature = [0, 0, 0, key.blob.length, ...key.blob, 0, 0, 0, 1, 7, 0, 0, 0, 0];
  // Unknown requests, one with what a signature needs; a signature with another key; half of a message's strings.
  for (const message of [
    [99],
    [99, ...signature],
    [13, 0, 0, 0, 1, 7, 0, 0, 0, 0, 0, 0, 0, 0],
    [13, 0, 0, 0, 9, 1],
  ]) {
    socket.write(Buffer.from([0, 0, 0, message.length, ...message]));
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.deepEqual([...answer], [0, 0, 0, 1, 5]);
  }
  socket.write(Buffer.from([255, 255, 255, 255]));
  await closed(socket);
});
