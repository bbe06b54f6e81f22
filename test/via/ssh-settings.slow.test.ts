// Each setting by itself; all of them together are in ssh.test.ts.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DISTURBING, throughSsh } from "../support/ssh-settings.ts";
import { lacking, type SshScene, startSshd } from "../support/via-servers.ts";

const skip = lacking("sshd", "ssh", "ssh-keygen", "socat");

let ssh: SshScene;
before(async () => {
  if (skip === false) ssh = await startSshd();
});
after(() => ssh?.[Symbol.asyncDispose]());

for (const settings of DISTURBING) {
  test(`sshTunnel() + ${settings.replaceAll("\n", "; ")}`, { skip }, async () => {
    assert.deepEqual(await throughSsh(ssh, settings), ["a\n~.\n", "\0h?\n"]);
  });
}
