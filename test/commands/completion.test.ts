// `rdsiam completion`, the built program: what it prints, where it writes, and what it does not touch.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { completionScript } from "../../src/cli/completion/script.ts";
import { type Shell, SHELLS } from "../../src/cli/completion/words.ts";
import { COMMANDS } from "../../src/commands/command-table.ts";
import { rdsiam } from "../support/program.ts";
import { temporaryDirectory } from "../support/keep.ts";

const home = await temporaryDirectory("completion-home");

test("rdsiam completion prints the script of the shell that is named, else of SHELL", async () => {
  const [named, own] = await Promise.all([
    rdsiam(["completion", "zsh"], { env: { HOME: home } }),
    rdsiam(["completion"], { env: { HOME: home, SHELL: "/usr/bin/fish" } }),
  ]);
  assert.deepEqual(
    [named.status, named.stderr, named.stdout],
    [0, "", completionScript("zsh", COMMANDS)],
  );
  assert.equal(own.stdout, completionScript("fish", COMMANDS));
});

const PLACES: Readonly<Record<Shell, readonly [string, RegExp]>> = {
  bash: [".local/share/bash-completion/completions/rdsiam", /bash-completion/],
  zsh: [".local/share/zsh/site-functions/_rdsiam", /fpath=\(\S+\/zsh\/site-functions \$fpath\)/],
  fish: [".config/fish/completions/rdsiam.fish", /new shells/],
  powershell: [
    ".local/share/rdsiam/completion.ps1",
    /\$PROFILE[^]*\n {2}\. '\S+\/rdsiam\/completion\.ps1'/,
  ],
};

for (const shell of SHELLS) {
  test(`rdsiam completion ${shell} --install writes where the shell looks, and says so`, async () => {
    const [place, note] = PLACES[shell];
    const file = join(home, place);
    for (const _again of [1, 2]) {
      const ran = await rdsiam(["completion", shell, "--install"], { env: { HOME: home } });
      assert.deepEqual([ran.status, ran.stderr], [0, ""]);
      assert.match(ran.stdout, new RegExp(`^wrote ${file}\n`));
      assert.match(ran.stdout, note);
      assert.equal(readFileSync(file, "utf8"), completionScript(shell, COMMANDS));
    }
  });
}

test("rdsiam completion --install follows XDG_DATA_HOME, and leaves a file of somebody else's alone", async () => {
  const env = { HOME: home, XDG_DATA_HOME: join(home, "data"), SHELL: "/bin/bash" };
  const file = join(home, "data/bash-completion/completions/rdsiam");
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, "complete -W mine rdsiam\n");
  const ran = await rdsiam(["completion", "--install"], { env });
  assert.equal(ran.status, 125);
  assert.match(ran.stderr, /rdsiam did not write it/);
  assert.equal(readFileSync(file, "utf8"), "complete -W mine rdsiam\n");
});

test("rdsiam completion names the shells that there are", async () => {
  const [unknown, near, none] = await Promise.all([
    rdsiam(["completion"], { env: { HOME: home, SHELL: "/bin/tcsh" } }),
    rdsiam(["completion", "fihs"], { env: { HOME: home } }),
    rdsiam(["completion", "--install"], { env: { HOME: home } }),
  ]);
  assert.deepEqual([unknown.status, near.status, none.status], [125, 125, 125]);
  assert.match(unknown.stderr, /no completion for tcsh[^]*bash\|zsh\|fish/);
  assert.match(near.stderr, /Did you mean fish\?/);
  assert.match(none.stderr, /SHELL is not set/);
});
