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

for (const [order, settings] of [
  ["", DISTURBING],
  [", the last first", DISTURBING.toReversed()],
] as const) {
  test(`sshTunnel() + a user's settings for interactive use${order}`, { skip }, async () => {
    const all = settings.join("\nMatch all\n");
    assert.deepEqual(await throughSsh(ssh, all), ["a\n~.\n", "\0h?\n"]);
  });
}

test("sshTunnel() + a failure shows what ssh and its ProxyCommand report", { skip }, async () => {
  await assert.rejects(
    throughSsh(ssh, "LogLevel QUIET\nProxyCommand sh -c 'echo run: corp-login >&2; exit 1'"),
    { detail: /run: corp-login/ },
  );
  await assert.rejects(throughSsh(ssh, "LogLevel QUIET\nHostKeyAlias other\nVisualHostKey yes"), {
    detail: /^[^+]*Host key verification failed\.$/,
    hint: /Compare the host key and accept it once with: ssh -p \d+ .*127\.0\.0\.1$/,
  });
});
