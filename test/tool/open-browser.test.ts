// Where a browser opens, and what is started for it.
import assert from "node:assert/strict";
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { browserPlace, openBrowser } from "../../src/tool/open-browser.ts";
import { temporaryDirectory } from "../support/keep.ts";

const SSH = { SSH_CONNECTION: "192.0.2.1 1 192.0.2.2 22" };
const DESKTOP = { DISPLAY: ":0" };
const BROWSER = { BROWSER: "firefox" };

// Environment, platform, the files of a container; whether a page opens, and whether it comes back to this machine.
const PLACES: readonly (readonly [object, NodeJS.Platform, boolean, boolean, boolean])[] = [
  [DESKTOP, "linux", false, true, true],
  [{ WAYLAND_DISPLAY: "wayland-0" }, "linux", false, true, true],
  [{}, "linux", false, false, false],
  [{}, "darwin", false, true, true],
  [{}, "win32", false, true, true],
  [BROWSER, "linux", false, true, true],
  [{ ...DESKTOP, ...SSH }, "linux", false, true, false],
  [SSH, "darwin", false, true, false],
  [{ ...BROWSER, SSH_TTY: "/dev/pts/1" }, "linux", false, true, false],
  [DESKTOP, "linux", true, true, false],
  [{ ...DESKTOP, KUBERNETES_SERVICE_HOST: "10.0.0.1" }, "linux", false, true, false],
  [{ ...DESKTOP, container: "podman" }, "linux", false, true, false],
  [BROWSER, "linux", true, true, true],
];
for (const [env, platform, isContainer, opens, isHere] of PLACES) {
  const where = `${JSON.stringify(env)} on ${platform}${isContainer ? " in a container" : ""}`;
  test(`browserPlace() + ${where}`, () => {
    assert.deepEqual(
      browserPlace({ ...env }, platform, () => isContainer),
      { opens, isHere },
    );
  });
}

test("openBrowser() starts the first command of BROWSER that is there, with %s for the page", async () => {
  const directory = await temporaryDirectory("browser");
  const [file, log] = [join(directory, "a browser"), join(directory, "log")];
  await writeFile(file, `#!/bin/sh\nprintf '<%s>' "$@" > '${log}.new'; mv '${log}.new' '${log}'\n`);
  await chmod(file, 0o755);
  const PATH = process.env["PATH"];
  const page = "https://example.com/authorize?a=1&b=$(id)%20x";
  const opened = async (commands: string): Promise<string> => {
    await rm(log, { force: true });
    assert.equal(await openBrowser(page, { PATH, BROWSER: commands }), true);
    for (;;) {
      const text = await readFile(log, "utf8").catch(() => undefined);
      if (text !== undefined) return text;
      await sleep(10);
    }
  };
  assert.equal(await opened(`no-such-browser:'${file}'`), `<${page}>`);
  assert.equal(await opened(`'${file}' --new %s --last`), `<--new><${page}><--last>`);
  assert.equal(await openBrowser(page, { PATH, BROWSER: "no-such-browser" }), false);
  // No page of the web, or one that would be an option, a file or a command.
  for (const other of [
    "--help",
    "file:///etc/passwd",
    "javascript:x",
    "https://a b",
    "https://",
    "https://x\n",
  ])
    assert.equal(await openBrowser(other, { PATH, BROWSER: `'${file}'` }), false, other);
});
