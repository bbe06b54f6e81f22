// npm run test:slow -- windows: rdsiam as a user of Windows has it, under Windows' Node and compiled, on a stand-in that runs on this
// side of Wine. What Wine 8 cannot show: psql.exe (it does not start there), pg_dump -f, Win32-OpenSSH, PowerShell, Windows' own
// cmd.exe, its access lists, and the end of a console window.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test, type TestContext } from "node:test";
import type { StandIn } from "../../src/demo/stand-in.ts";
import type { Finished } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { ssoSections } from "../support/sso-stage.ts";
import { processes, until } from "../support/traces.ts";
import { startWine, type Wine, windowsPath, type WineRun } from "../support/wine.ts";

const ACCOUNT = "123456789012";
const ROLE = `arn:aws:iam::${ACCOUNT}:role/guarded`;
const SERIAL = `arn:aws:iam::${ACCOUNT}:mfa/jane`;
const BRIDGE = `const s = require("net").connect(process.argv[3], process.argv[2]);
process.stdin.pipe(s).pipe(process.stdout);
s.on("close", () => process.exit());
`;
// As the ssh of a shim directory: the words that it gets, and the connection of -W.
const SSH = `const words = process.argv.slice(2);
require("fs").writeFileSync(process.env.SSH_WORDS, JSON.stringify(words));
const [host, port] = words[words.indexOf("-W") + 1].split(":");
const s = require("net").connect(port, host);
process.stdin.pipe(s).pipe(process.stdout);
s.on("close", () => process.exit());
`;

// Wine's taskkill ends no child of a batch file: it ends with its stdin.
const KUBECTL = `process.stdin.resume().on("end", () => process.exit());
const server = require("net").createServer((c) => {
  c.pipe(require("net").connect(process.env.GATEWAY, "127.0.0.1")).pipe(c);
});
server.listen(0, "127.0.0.1", () => console.log("Forwarding from 127.0.0.1:" + server.address().port + " -> 5432"));
`;

let stage: StandIn;
let wine: Wine | string = "not started";
let env: Record<string, string | undefined>;
const codes = new Set<string>();

before(async () => {
  wine = await startWine();
  if (typeof wine === "string") return;
  stage = await startStage();
  stage.sts.roles.set(ROLE, { mfa: { serialNumber: SERIAL, codes } });
  await furnish(wine);
  const { AWS_CONFIG_FILE: _, AWS_SHARED_CREDENTIALS_FILE: __, ...rest } = stage.env;
  env = { ...rest, RDSIAM_CONFIG_FILE: undefined, HOME: undefined, NO_COLOR: "1" };
  for (const name of Object.keys(env)) if (name.startsWith("XDG_")) env[name] = undefined;
});
after(async () => {
  if (typeof wine === "string") return;
  await wine[Symbol.asyncDispose]();
  await stage[Symbol.asyncDispose]();
});

// The files where a user of Windows has them, with tabs and line ends of Windows' editors.
async function furnish({ bin, home }: Wine): Promise<void> {
  const { targetSettings } = stage;
  const password = join(bin, "pass word.txt");
  await writeFile(password, `${stage.legacyPassword}\r\n`);
  await writeFile(join(bin, "bridge.js"), BRIDGE);
  await writeFile(join(bin, "ssh.js"), SSH);
  await writeFile(join(bin, "kubectl.js"), KUBECTL);
  for (const name of ["ssh", "kubectl"]) {
    await writeFile(join(bin, `${name}.cmd`), `@"%~dp0node.exe" "%~dp0${name}.js" %*\r\n`);
  }
  const legacy = { ...targetSettings, rds_host: stage.canonicalHost, rds_user: "legacy" };
  const command = `if exist "${windowsPath(password)}" type "${windowsPath(password)}"`;
  await stage.addProfile("legacy", { ...legacy, rds_password_command: command });
  const reader = { ...targetSettings, rds_user: "app_ro" };
  const bridge = `"${windowsPath(join(bin, "node.exe"))}" "${windowsPath(join(bin, "bridge.js"))}"`;
  await stage.addProfile("piped", { ...reader, rds_via: `command:${bridge} %h %p` }, stage.key);
  const process_ = `"${windowsPath(join(bin, "node.exe"))}" "${windowsPath(join(bin, "keys.js"))}"`;
  await stage.addProfile("process", { ...reader, credential_process: process_ });
  const { accessKeyId, secretAccessKey } = stage.key;
  const keys = { Version: 1, AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey };
  await writeFile(join(bin, "keys.js"), `console.log(${JSON.stringify(JSON.stringify(keys))})`);
  const guarded = { role_arn: ROLE, source_profile: "prod", mfa_serial: SERIAL };
  await stage.addProfile("guarded", { ...reader, ...guarded });
  const written = await readFile(join(stage.directory, ".aws/config"), "utf8");
  const sso = ssoSections(stage.sso, reader);
  await mkdir(join(home, ".aws"));
  await writeFile(join(home, ".aws/config"), `${written}${sso}`.replaceAll("\n", "\r\n"));
  await copyFile(join(stage.directory, ".aws/credentials"), join(home, ".aws/credentials"));
  const own = join(home, "AppData/Roaming/rdsiam");
  await mkdir(own, { recursive: true });
  await writeFile(join(own, "config"), "\uFEFF[roaming]\r\nhost = db.example.com\r\n");
}

for (const kind of ["node", "exe"] as const) {
  describe(`on Windows, ${kind === "exe" ? "rdsiam.exe" : "node rdsiam.js"}`, () => {
    async function run(args: readonly string[], options: WineRun = {}): Promise<Finished> {
      if (typeof wine === "string") throw new TypeError(wine);
      return wine.run([...wine.programs[kind], ...args], {
        ...options,
        env: { ...env, ...options.env },
      });
    }

    function windows(name: string, body: (wine: Wine) => Promise<void>): void {
      test(name, (t: TestContext) => (typeof wine === "string" ? t.skip(wine) : body(wine)));
    }

    windows("list: the targets of %USERPROFILE% and %APPDATA%", async () => {
      const listed = await run(["list"]);
      assert.equal(listed.status, 0, listed.stderr);
      assert.match(listed.stdout, /^prod\t/m);
      assert.match(listed.stdout, /^roaming\tdb\.example\.com/m);
    });

    windows("token, with the keys of a credential_process too", async () => {
      for (const target of ["prod", "process"]) {
        const { status, stderr, stdout } = await run(["token", target]);
        assert.equal(status, 0, stderr);
        assert.match(stdout, /^orders\.cluster-\S+X-Amz-Signature=\S+\r?\n$/);
      }
    });

    windows(
      "exec: PATH, PATHEXT and paths, the tool's environment without a way past, its status",
      async ({ bin }) => {
        const script = "console.log(JSON.stringify(process.env)); process.exit(7)";
        const past = { pgHostAddr: "192.0.2.1", PGService: "x", PGSSLROOTCERT: "system" };
        for (const node of ["node", "NODE.EXE", windowsPath(join(bin, "node"))]) {
          const ran = await run(["exec", "prod", node, "-e", script], { env: past });
          assert.equal(ran.status, 7, ran.stderr);
          const seen = JSON.parse(ran.stdout) as Record<string, string>;
          assert.equal(seen["PGHOST"], "127.0.0.1");
          assert.equal(seen["PGUSER"], "app_ro");
          assert.match(seen["PGPASSWORD"] ?? "", /^\S{16,}$/);
          const names = Object.keys(seen);
          assert.ok(!names.some((name) => /^pg(?:hostaddr|service|sslrootcert)$/i.test(name)));
          assert.ok(!ran.stdout.includes("X-Amz-Signature"));
        }
        const args = ["a b", 'say "hi"', "x&y", "\u00FC\u65E5", ""];
        const batch = await run(["exec", "prod", "argv.cmd", ...args]);
        assert.equal(batch.status, 0, batch.stderr);
        const printed = batch.stdout.split(/\r?\n/).slice(0, -1);
        assert.deepEqual(
          printed.map((line) => Buffer.from(line, "hex").swap16().toString("utf16le")),
          args,
        );
        const broken = await run(["exec", "prod", "argv.cmd", "a b", "x\ny"]);
        assert.equal(broken.status, 125);
        assert.match(broken.stderr, /argv\.cmd cannot be given a line break/);
        const missing = await run(["exec", "prod", "nosuch"]);
        assert.equal(missing.status, 127);
      },
    );

    windows(
      "exec: PostgreSQL's own pg_dump.exe, with a token, a password command and through tunnels",
      async ({ bin, home }) => {
        const words = join(bin, `ssh-words-${kind}.json`);
        const kube = { RDSIAM_VIA: "kube://default/svc/db", GATEWAY: String(stage.gateway.port) };
        const ssh = { RDSIAM_VIA: "ssh://jo@bastion:2222", SSH_WORDS: windowsPath(words) };
        for (const [target, more] of [
          ["prod", {}],
          ["legacy", {}],
          ["piped", {}],
          ["prod", ssh],
          ["prod", kube],
        ] as const) {
          const dumped = await run(["exec", target, "pg_dump", "-s", "-n", "shop"], { env: more });
          assert.equal(dumped.status, 0, `${target}: ${dumped.stderr}`);
          assert.match(dumped.stdout, /CREATE TABLE shop\.events/);
          assert.match(dumped.stdout, /Dumped by pg_dump version 16/);
        }
        const left = async (): Promise<boolean> =>
          (await processes()).some((each) =>
            /\b(?:bridge|ssh|kubectl)\.js/.test(each.words.join(" ")),
          );
        await until(async () => !(await left()), "the tunnels' programs are gone");
        const seen = JSON.parse(await readFile(words, "utf8")) as readonly string[];
        assert.deepEqual(seen.slice(-8, -3), ["-p", "2222", "-l", "jo", "-W"]);
        assert.deepEqual(seen.slice(-2), ["--", "bastion"]);
        assert.ok(!seen.join(" ").includes("Control"));
        const known = join(home, "AppData/Local/rdsiam/known_hosts");
        assert.match(await readFile(known, "utf8"), /^orders\.db\.example\.com orders\.cluster-/m);
        const failed = await run(["exec", "--user", "nobody", "prod", "pg_dump"]);
        assert.equal(failed.status, 1);
      },
    );

    windows("env: cmd.exe sets what it prints", async ({ bin, programs }) => {
      const words = programs[kind].map((word) => word.replace(/^\/.*\//, ""));
      const command = words.join(" ");
      const line = `@for /f "delims=" %%i in ('${command} env --quiet --shell cmd prod') do @set "%%i"`;
      const print =
        '@node -p "[process.env.PGUSER, process.env.PGPASSWORD].join(String.fromCharCode(10))"';
      await writeFile(join(bin, "env.cmd"), `${line}\r\n${print}\r\n`);
      if (typeof wine === "string") return;
      const ran = await wine.run(["cmd", "/d", "/c", windowsPath(join(bin, "env.cmd"))], { env });
      assert.match(
        ran.stdout,
        /^app_ro\norders\.cluster-\S+X-Amz-Credential=\w+%2F\S+&X-Amz-Signature=\S+\s*$/,
        ran.stderr,
      );
    });

    windows("doctor: each step", async () => {
      const { status, stdout } = await run(["doctor", "prod"]);
      assert.match(stdout, /^ok +login/m);
      // psql.exe does not start under Wine.
      assert.match(stdout, /tool +.*psql\.exe/);
      assert.ok(status === 0 || /^FAIL +tool/im.test(stdout), stdout);
    });

    windows("proxy: it serves this machine", async () => {
      let url = "";
      await run(["proxy", "prod"], {
        meanwhile: async (out, err) => {
          const shown = async (): Promise<string> =>
            (await readFile(out, "utf8")) + (await readFile(err, "utf8"));
          await until(
            async () => /postgres(?:ql)?:\/\/\S+\s/.test(await shown()),
            "the proxy's URL",
          );
          url = /postgres(?:ql)?:\/\/\S+/.exec(await shown())?.[0] ?? "";
          const { default: pg } = await import("pg");
          const client = new pg.Client({ connectionString: url.replace(/sslmode=\w+/, "") });
          await client.connect();
          const { rows } = await client.query("select current_user");
          await client.end();
          assert.deepEqual(rows, [{ current_user: "app_ro" }]);
        },
      });
      const refused = await run(["proxy", "--socket", "x", "prod"]);
      assert.equal(refused.status, 125);
      assert.match(refused.stderr, /--socket does not work on Windows/);
    });

    windows("login: by a code that is confirmed elsewhere", async () => {
      let shown = "";
      const ran = await run(["login", "--device-code", "--no-browser", "--profile", "sso"], {
        meanwhile: async (out, err) => {
          const page = /http\S+\/device\?user_code=\S+(?=\s)/;
          const text = async (): Promise<string> =>
            (shown = (await readFile(out, "utf8")) + (await readFile(err, "utf8")));
          await until(async () => page.test(await text()), "the page to open");
          assert.match(await (await fetch(page.exec(shown)?.[0] ?? "")).text(), /approved/);
          await until(async () => /logged in to corp/i.test(await text()), "the login");
        },
      });
      assert.doesNotMatch(ran.stdout + ran.stderr, /accessToken/);
      const token = await run(["token", "sso"]);
      assert.match(token.stdout, /X-Amz-Signature/, token.stderr);
      const out = await run(["logout"]);
      assert.equal(out.status, 0, out.stderr);
    });

    windows(
      "questions on the console: which target, an MFA code, Ctrl-C",
      async ({ home, open, programs }) => {
        codes.add("012345");
        await rm(join(home, ".aws/cli/cache"), { recursive: true, force: true });
        await using terminal = open([...programs[kind], "token"], defined());
        await terminal.shows(/\d +roaming [^]*orders/);
        await terminal.shows(/Target \(its number, or a part of its line\): ?/);
        terminal.type("guarded\r");
        await terminal.shows(/MFA code for arn:aws:iam::123456789012:mfa\/jane: ?/);
        terminal.type("012345\r");
        await terminal.shows(/X-Amz-Signature/);
        await using interrupted = open([...programs[kind], "token"], defined());
        await interrupted.shows(/part of its line\): ?/);
        interrupted.type("\x03");
        assert.equal((await interrupted.exited).exitCode, 130);
      },
    );
  });
}

function defined(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    ),
  );
}
