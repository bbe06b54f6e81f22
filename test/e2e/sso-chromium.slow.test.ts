// A real browser, without a window: it comes back to the login, and another site's page in it can do nothing to one.
// Debian's: apt-get install chromium.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { rdsiam, run } from "../support/program.ts";
import { startLogin } from "../support/sso-login.ts";
import { type SsoStage, startSsoStage } from "../support/sso-stage.ts";
import { listen } from "../support/listen.ts";

const CHROMIUM = ["chromium", "chromium-browser", "google-chrome"].find(
  (name) => spawnSync(name, ["--version"]).status === 0,
);
const skip = CHROMIUM === undefined && "no Chromium on this machine: apt-get install chromium";

// The words that have it print a page when it has been loaded; root has no sandbox.
function chromium({ home }: SsoStage): readonly string[] {
  const profile = join(home.directory, "chromium");
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"];
  return [CHROMIUM ?? "", ...flags, `--user-data-dir=${profile}`, "--dump-dom"];
}

test(
  "rdsiam login: Chromium comes back, shows the page and loads nothing else",
  { skip },
  async () => {
    await using stage = await startSsoStage();
    const file = join(stage.home.directory, "real-browser");
    const seen = join(stage.home.directory, "page.html");
    const words = chromium(stage).map((word) => `'${word}'`);
    // Moved when the browser has ended: it writes into the home directory until then.
    const script = `#!/bin/sh\n${words.join(" ")} "$1" >'${seen}.part' 2>/dev/null\nmv '${seen}.part' '${seen}'\n`;
    await writeFile(file, script);
    await chmod(file, 0o755);
    const ran = await rdsiam(["login", "--profile", "sso"], {
      env: { ...stage.env, BROWSER: file },
    });
    assert.equal(ran.status, 0, ran.stderr);
    const actions = stage.sso.calls.map(({ action, status }) => `${action} ${status}`);
    const unasked = actions.filter((action) => !action.startsWith("GET UNKNOWN"));
    assert.deepEqual(unasked, ["RegisterClient 200", "Authorize 302", "CreateToken 200"]);
    while (!existsSync(seen)) await setTimeout(50);
    assert.match(await readFile(seen, "utf8"), /<p>[^<]*You can close this window\.<\/p>/);
  },
);

// What a page can do with a port that it knows; the state it cannot.
function evilPage(port: number): string {
  const target = `http://127.0.0.1:${port}/oauth/callback?code=stolen&amp;state=guess`;
  const script = `
    const target = ${JSON.stringify(target.replace("&amp;", "&"))};
    const done = [];
    const attempts = [
      ["fetch", () => fetch(target)],
      ["no-cors", () => fetch(target, { mode: "no-cors" }).then((r) => r.type)],
      ["post", () => fetch(target, { method: "POST", mode: "no-cors", body: "x" }).then((r) => r.type)],
      ["put", () => fetch(target, { method: "PUT", headers: { "x-a": "b" } })],
      ["socket", () => new Promise((_, fail) => { new WebSocket(target.replace("http", "ws")).onerror = () => fail("closed"); })],
      ["script", () => new Promise((ok, fail) => { const s = document.createElement("script"); s.src = target; s.onload = () => ok("ran"); s.onerror = () => fail("no"); document.head.append(s); })],
    ];
    (async () => {
      for (const [name, attempt] of attempts)
        done.push(name + "=" + await attempt().then((v) => (typeof v === "string" ? v : "read"), () => "refused"));
      document.title = done.join(" ");
    })();`;
  const frames = `<iframe src="${target}"></iframe><img src="${target}"><form id="f" method="post" action="${target}" target="x"></form><iframe name="x"></iframe>`;
  return `<!doctype html><html><head><title>waiting</title></head><body>${frames}<script>f.submit();${script}</script></body></html>`;
}

test(
  "rdsiam login: another site's page in Chromium reads nothing and ends nothing",
  { skip },
  async () => {
    await using stage = await startSsoStage();
    await using login = await startLogin(stage);
    await using site = await listen(
      createServer((_request, response) => {
        response.writeHead(200, { "content-type": "text/html" }).end(evilPage(login.port));
      }),
    );
    const budget = "--virtual-time-budget=20000";
    const visit = [...chromium(stage), budget, `http://localhost:${site.port}/`];
    const { stdout } = await run(visit, { env: stage.env });
    const title = /<title>(.*)<\/title>/.exec(stdout)?.[1] ?? stdout;
    assert.match(
      title,
      /^fetch=refused no-cors=(?:opaque|refused) post=(?:opaque|refused) put=refused socket=refused script=refused$/,
    );
    assert.equal(stage.sso.count("CreateToken"), 0);
    assert.equal((await fetch(login.url)).status, 200);
    assert.equal((await login.ended).status, 0);
  },
);
