// The same AWS files, the same database and the same identity as `aws --profile` has: files with comments glued to headers,
// capitals, quoted names, several sources in one profile, and sources that talk. `rdsiam token` shows both: the token has the
// host, the user and the access key.
import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { openShell } from "../support/pty.ts";
import { COMMAND, type Finished, rdsiam } from "../support/program.ts";
import { temporaryDirectory } from "../support/keep.ts";
import { listen } from "../support/listen.ts";

const KEYS =
  "aws_access_key_id = AKIDBASE00000000BASE\naws_secret_access_key = base/secret+key/EXAMPLE0123456789abcdef0\n";
const OTHER =
  "aws_access_key_id = AKIDOTHER0000000OTHE\naws_secret_access_key = other/secret+key/EXAMPLE0123456789abcde\n";
const HOST = "orders.cabc123xyz0.eu-west-1.rds.amazonaws.com";
const DB = `rds_host = ${HOST}\nrds_user = app_ro\nrds_dbname = orders\n`;
const SECRET = "process/secret+key/EXAMPLE0123456789abc";

const home = await temporaryDirectory("aws-files");
await mkdir(join(home, ".aws"));

interface Setup {
  readonly config: string | Uint8Array;
  readonly credentials?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
}

interface Signed extends Finished {
  /** HOST USER KEY, as the token has them; undefined without a token. */
  readonly signed: string | undefined;
}

function environment(env: Setup["env"] = {}) {
  return { HOME: home, AWS_EC2_METADATA_DISABLED: "true", XDG_CONFIG_HOME: home, ...env };
}

async function signed({ config, credentials = "", args = ["prod"], env }: Setup): Promise<Signed> {
  await writeFile(join(home, ".aws", "config"), config);
  await writeFile(join(home, ".aws", "credentials"), credentials);
  const run = await rdsiam(["token", ...args], { env: environment(env) });
  const token = /^([^:]+):\d+\/\?Action=connect&DBUser=(\w+)&.*X-Amz-Credential=(\w+)%2F/.exec(
    run.stdout,
  );
  return { ...run, signed: token === null ? undefined : token.slice(1).join(" ") };
}

async function script(name: string, text: string): Promise<string> {
  const file = join(home, name);
  await writeFile(file, `#!/bin/sh\n${text}\n`);
  await chmod(file, 0o755);
  return file;
}

const processKeys = (key = "AKIDPROCESS00000PROC"): string =>
  `echo '{"Version":1,"AccessKeyId":"${key}","SecretAccessKey":"${SECRET}"}'`;

// The files, the target, and what the token must have.
const SAME: readonly (readonly [string, Omit<Setup, "env"> & Pick<Setup, "env">, string])[] = [
  [
    "a comment glued to a header begins a section all the same (A1)",
    {
      config: `[profile dev]\nregion = eu-west-1\n${KEYS}rds_host = ${HOST}\nrds_user = app_rw\n[profile prod]# production\nregion = eu-west-1\n${OTHER}${DB}`,
      args: ["dev"],
    },
    `${HOST} app_rw AKIDBASE00000000BASE`,
  ],
  [
    "and its own keys are its own (A1)",
    {
      config: `[profile dev]\n${KEYS}rds_host = x.cabc123xyz0.eu-west-1.rds.amazonaws.com\nrds_user = app_rw\n[profile prod]] ; x\n${OTHER}${DB}`,
      args: ["prod]"],
    },
    `${HOST} app_ro AKIDOTHER0000000OTHE`,
  ],
  [
    "keys in capitals (A3)",
    {
      config: `[profile prod]\nregion = eu-west-1\n${DB}`,
      credentials: `[default]\n${OTHER}[prod]\n${KEYS.replaceAll(/^\w+/gm, (key) => key.toUpperCase())}`,
    },
    `${HOST} app_ro AKIDBASE00000000BASE`,
  ],
  [
    "our keys in capitals, and mixed case (A4, A5)",
    {
      config: `[profile prod]\nRegion = eu-west-1\nRDS_HOST = ${HOST}\nRds_User = app_ro\n${KEYS}`,
    },
    `${HOST} app_ro AKIDBASE00000000BASE`,
  ],
  [
    "a name in quotes, with a blank (A19)",
    { config: `[profile 'my prod']\nregion = eu-west-1\n${KEYS}${DB}`, args: ["my prod"] },
    `${HOST} app_ro AKIDBASE00000000BASE`,
  ],
  [
    "a name with a letter beyond ASCII (A21), and one with an escaped blank",
    { config: `[profile b\\ üro]\n${KEYS}${DB}`, args: ["b üro"] },
    `${HOST} app_ro AKIDBASE00000000BASE`,
  ],
  [
    "a colon for the equals sign (A22)",
    {
      config: `[profile prod]\nregion: eu-west-1\nrds_host: ${HOST}\nrds_user : app_ro\n${KEYS}`,
    },
    `${HOST} app_ro AKIDBASE00000000BASE`,
  ],
  [
    "more blanks in a header (A23)",
    { config: `[profile  prod ]\n${KEYS}${DB}` },
    `${HOST} app_ro AKIDBASE00000000BASE`,
  ],
  [
    "[DEFAULT] is inherited (A24), in the credentials file too",
    {
      config: `[DEFAULT]\nrds_user = app_ro\n[profile prod]\nrds_host = ${HOST}\n`,
      credentials: `[DEFAULT]\n${KEYS}[prod]\n`,
    },
    `${HOST} app_ro AKIDBASE00000000BASE`,
  ],
  [
    "carriage returns, and a value that goes on in the next line",
    { config: `[profile prod]\r\nnote = a\r\n  b\r\n${KEYS}${DB}`.replaceAll(/\r?\n/g, "\r\n") },
    `${HOST} app_ro AKIDBASE00000000BASE`,
  ],
  [
    "keys of the credentials file come before a credential_process",
    {
      config: `[profile prod]\ncredential_process = /nowhere\n${DB}`,
      credentials: `[prod]\n${KEYS}`,
    },
    `${HOST} app_ro AKIDBASE00000000BASE`,
  ],
];

for (const [what, setup, expected] of SAME) {
  test(`AWS's files: ${what}`, async () => {
    const run = await signed(setup);
    assert.equal(run.signed, expected, run.stderr);
  });
}

test("AWS's files: a path with a variable (A35), in braces too", async () => {
  await writeFile(join(home, "elsewhere"), `[profile prod]\n${KEYS}${DB}`);
  for (const path of ["$HOME/elsewhere", "${HOME}/elsewhere", "~/elsewhere"]) {
    const run = await signed({ config: "[profile prod]\n", env: { AWS_CONFIG_FILE: path } });
    assert.equal(run.signed, `${HOST} app_ro AKIDBASE00000000BASE`, run.stderr);
  }
  const none = await signed({ config: `[profile prod]\n${DB}`, env: { AWS_CONFIG_FILE: "" } });
  assert.match(none.stderr, /unknown target "prod"/);
});

// The files, and the error: with file and line, for every command that reads them.
const REFUSED: readonly (readonly [string, Setup, RegExp])[] = [
  [
    "a header without its bracket (A2)",
    { config: `[profile dev]\n${KEYS}${DB}[profile prod\nrds_user = app_rw\n`, args: ["dev"] },
    /config, line 7: this section header is not closed by \]/,
  ],
  [
    "a section given twice (A25)",
    { config: `[profile prod]\n${KEYS}\n[profile prod]\n${DB}` },
    /config, line 5: section \[profile prod\] occurs twice\nDETAIL:  The other one is in line 1\./,
  ],
  [
    "a key given twice (A25), in another case",
    { config: `[profile prod]\n${KEYS}${DB}RDS_USER = app_rw\n` },
    /config, line 7: rds_user occurs twice in \[profile prod\]/,
  ],
  [
    "UTF-16 (A39)",
    { config: Buffer.from(`\uFEFF[profile prod]\n${DB}`, "utf16le") },
    /config is UTF-16, not UTF-8/,
  ],
  [
    "a byte that is not UTF-8",
    { config: Buffer.from(`[profile prod]\n# b\xfcro\n${DB}`, "latin1") },
    /config, line 2: this line is not UTF-8/,
  ],
  [
    "a Region with a comment behind it (A16)",
    { config: `[profile prod]\nregion = eu-west-1 # Ireland\n${KEYS}${DB}` },
    /region of profile "prod" is not a valid AWS Region\nDETAIL: .*config, line 2\.\nHINT: .*allows no comment after a value/,
  ],
  [
    "a role with a comment behind it",
    {
      config: `[profile prod]\nrole_arn = arn:aws:iam::123456789012:role/r ; reader\nsource_profile = base\n${DB}[profile base]\n${KEYS}`,
    },
    /role_arn of profile "prod" is not a valid role ARN.*\nDETAIL: .*config, line 2\.\nHINT: .*allows no comment after a value/,
  ],
  [
    "a host with a comment behind it",
    { config: `[profile prod]\n${KEYS}rds_host = ${HOST} # main\nrds_user = app_ro\n` },
    /rds_host must be HOST or HOST:PORT.*config, line 4/,
  ],
  [
    "a named profile that is not in the files, while others are (A3)",
    {
      config: `[default]\n${OTHER}[profile prod]\n${DB}`,
      args: ["--profile", "prdo", "prod"],
      env: { AWS_ACCESS_KEY_ID: "AKIDENV0", AWS_SECRET_ACCESS_KEY: "env" },
    },
    /unknown AWS profile "prdo"/,
  ],
  [
    "a named profile whose only key is half a key",
    {
      config: `[default]\n${OTHER}[profile prod]\naws_secret_access_key = x\n${DB}`,
      args: ["--profile", "prod", "prod"],
      env: { AWS_ACCESS_KEY_ID: "AKIDENV0", AWS_SECRET_ACCESS_KEY: "env" },
    },
    /profile "prod" has no credentials\nDETAIL:  It has aws_secret_access_key without aws_access_key_id/,
  ],
  [
    "source_profile that is the profile itself (A8)",
    {
      config: `[profile prod]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = prod\n${DB}`,
    },
    /source_profile chain of profile "prod" is a loop/,
  ],
  [
    "a profile that is ignored, as it lacks the word profile",
    { config: `[prod]\n${KEYS}${DB}` },
    /unknown target "prod"\nDETAIL: .*config, line 1 is \[prod\], which AWS's tools ignore: a profile is \[profile prod\]/,
  ],
];

// Keys of a named target that AWS's tools pass over: those of the environment and of [default] do not take their place.
const PASSED_OVER: readonly (readonly [string, Setup, RegExp])[] = [
  [
    "below [profile prod] in the credentials file",
    { config: `[profile prod]\n${DB}`, credentials: `[default]\n${OTHER}[profile prod]\n${KEYS}` },
    /credentials, line 4 is \[profile prod\]: in that file the profile "prod" is \[prod\]/,
  ],
  [
    "below a name in quotes in the credentials file",
    { config: `[profile prod]\n${DB}`, credentials: `[default]\n${OTHER}['prod']\n${KEYS}` },
    /credentials, line 4 is \['prod'\]: in that file the profile "prod" is \[prod\]/,
  ],
  [
    "below an indented header",
    { config: `[profile prod]\n${DB}`, credentials: `[base]\nregion = x\n  [prod]\n${KEYS}` },
    /credentials, line 3 is indented/,
  ],
  [
    "in a section that a later one replaces",
    { config: `[profile prod]\n${KEYS}[profile "prod"]\n${DB}` },
    /config, line 1 names the same as line 4/,
  ],
];

for (const [what, setup, expected] of PASSED_OVER) {
  test(`AWS's files: no other keys sign for a target whose own are ${what}`, async () => {
    const env = { AWS_ACCESS_KEY_ID: "AKIDENV0", AWS_SECRET_ACCESS_KEY: "env" };
    const run = await signed({ ...setup, env });
    assert.deepEqual([run.status, run.stdout], [125, ""]);
    assert.match(run.stderr, /error: profile "prod" has no credentials/);
    assert.match(run.stderr.slice(run.stderr.indexOf("DETAIL:")), expected);
  });
}

for (const [what, setup, expected] of REFUSED) {
  test(`AWS's files: refused is ${what}`, async () => {
    const run = await signed(setup);
    assert.equal(run.status, 125, run.stdout);
    assert.match(run.stderr, expected);
    assert.doesNotMatch(run.stderr, /internal error|secret\+key/);
  });
}

// What AWS refuses is refused whole: no profile of it is used, and no command passes over it.
const UNREADABLE: readonly (readonly [string, Setup])[] = [
  [
    "prod's header lacks its bracket (A2)",
    { config: `[profile dev]\n${KEYS}${DB}[profile prod\n${OTHER}${DB}` },
  ],
  [
    "dev occurs twice (A25)",
    { config: `[profile dev]\n${KEYS}[profile prod]\n${DB}${OTHER}[profile dev]\n${DB}` },
  ],
  [
    "a section of the credentials file occurs twice",
    {
      config: `[profile prod]\n${DB}`,
      credentials: `[dev]\n${OTHER}[prod]\n${KEYS}[dev]\n${KEYS}`,
    },
  ],
  [
    "a header of the credentials file lacks its bracket",
    { config: `[profile prod]\n${KEYS}${DB}`, credentials: `[dev]\n${OTHER}[prod\n` },
  ],
];

for (const [what, setup] of UNREADABLE) {
  test(`AWS's files: no command works where ${what}`, async () => {
    const file = setup.credentials === undefined ? "config" : "credentials";
    const expected = new RegExp(
      `${file}, line \\d+: (?:section .* occurs twice|this section header)`,
    );
    const token = await signed(setup);
    assert.deepEqual([token.status, token.stdout], [125, ""]);
    assert.match(token.stderr, expected);
    for (const command of [
      ["doctor", "prod"],
      ["exec", "prod", "true"],
    ]) {
      const run = await rdsiam(command, { env: environment() });
      assert.notEqual(run.status, 0, run.stdout);
      assert.match(`${run.stdout}${run.stderr}`, expected, command[0]);
      assert.doesNotMatch(`${run.stdout}${run.stderr}`, /^ok +credentials|secret\+key/m);
    }
  });
}

test("AWS's files: one that cannot be read is an error, a directory is a warning (A39)", async (context) => {
  const directory = join(home, "directory");
  await mkdir(directory);
  const run = await signed({ config: "", env: { AWS_CONFIG_FILE: directory } });
  assert.match(
    run.stderr,
    /directory is not a regular file, so that AWS's tools and rdsiam ignore/,
  );
  if (process.getuid?.() === 0) return context.skip("root reads every file");
  await chmod(join(home, ".aws", "config"), 0);
  const denied = await rdsiam(["list"], { env: environment() });
  await chmod(join(home, ".aws", "config"), 0o600);
  assert.match(denied.stderr, /cannot read .*config: EACCES/);
});

test("AWS's files: values have no comments, and a warning says so where the profile is used (A16)", async () => {
  const config = `[profile prod]\n${KEYS}${DB.replace("orders\n", "my db #1\n")}[profile other]\nrds_usr = x\n`;
  const run = await signed({ config });
  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stderr, /warning: rds_dbname \(.*config, line 6\) has " #" in its value/);
  assert.doesNotMatch(run.stderr, /rds_usr/);
  const list = await rdsiam(["list"], { env: environment() });
  assert.match(list.stdout, /\tmy db #1\t/);
  assert.equal(list.stderr, "");
  const doctor = await rdsiam(["doctor", "prod"], { env: environment() });
  assert.match(doctor.stdout, /unknown key rds_usr in profile "other", .*line 8/);
});

test("AWS's files: a credential_process comes before the profile's own keys (A6)", async () => {
  const file = await script("proc.sh", processKeys());
  const config = `[profile prod]\n${KEYS}credential_process = ${file}\n${DB}`;
  assert.equal((await signed({ config })).signed, `${HOST} app_ro AKIDPROCESS00000PROC`);
});

test("AWS's files: a credential_process is words, not a shell's line (A14)", async () => {
  const good = await script("good file.sh", processKeys());
  const commands = [`sh -c 'true ; exec "${good}"'`, `"${good}" '#' \\; $HOME`];
  for (const command of commands) {
    const run = await signed({ config: `[profile prod]\ncredential_process = ${command}\n${DB}` });
    assert.equal(run.signed, `${HOST} app_ro AKIDPROCESS00000PROC`, run.stderr);
    assert.equal(run.stderr, "");
  }
});

const ASKING = `printf 'PIN code: ' >&2; IFS= read -r pin; [ "$pin" = 1234 ] || { echo wrong >&2; exit 1; }; ${processKeys()}`;

test("AWS's files: a credential_process that reads without a terminal ends at once, with its words (A17)", async () => {
  const file = await script("stdin.sh", ASKING);
  const start = Date.now();
  const run = await signed({ config: `[profile prod]\ncredential_process = ${file}\n${DB}` });
  assert.equal(run.status, 125);
  assert.match(run.stderr, /PIN code: wrong\n/);
  assert.match(
    run.stderr,
    /credential_process of profile "prod" failed\nDETAIL:  It ended with exit status 1\. It is in .*line 2/,
  );
  assert.ok(Date.now() - start < 20_000);
});

test("AWS's files: a credential_process has the terminal (A18), and a long wait is reported", async () => {
  const file = await script("stdin.sh", ASKING);
  const slow = await script("slow.sh", `sleep 2; ${processKeys()}`);
  await signed({
    config: `[profile prod]\ncredential_process = ${file}\n${DB}[profile slow]\ncredential_process = ${slow}\n${DB}`,
  });
  const env = { PATH: process.env["PATH"] ?? "", ...environment() } as Record<string, string>;
  const command = (target: string): string =>
    `${[...COMMAND, "token", target].map((word) => `'${word}'`).join(" ")}; echo sta""tus=$?\r`;
  await using terminal = await openShell(env);
  terminal.type(command("prod"));
  await terminal.shows(/PIN code: $/);
  terminal.type("1234\r");
  await terminal.shows(/X-Amz-Credential=AKIDPROCESS00000PROC/);
  await terminal.shows(/status=0/);
  terminal.type(command("slow"));
  await terminal.shows(/waiting for the credential_process of profile "slow"/);
  await terminal.shows(/status=0/);
});

// What a credential_process does, and what is told of it.
const ENDS: readonly (readonly [string, string, RegExp])[] = [
  [
    "one that is not there (A31)",
    "corp-helper --json",
    /corp-helper was not found\..*line 2.*\nHINT: .*without a shell/,
  ],
  [
    "one that ends with a status (A31)",
    `sh -c 'echo session expired, run: corp-login >&2; exit 3'`,
    /^session expired, run: corp-login\nrdsiam: error: .*\nDETAIL:  It ended with exit status 3\./,
  ],
  ["one that a signal ends", `sh -c 'kill -9 $$'`, /It ended with signal SIGKILL\./],
  [
    "a known secret on stderr",
    `sh -c 'echo other/secret+key/EXAMPLE0123456789abcde >&2; exit 1'`,
    /^\[secret\]\n/,
  ],
  ["one that prints nothing", "true", /It printed nothing\./],
  ["another version", `echo '{"Version":2}'`, /has no Version 1\./],
  ["no secret key", `echo '{"Version":1,"AccessKeyId":"A"}'`, /has no SecretAccessKey\./],
  [
    "expired credentials",
    `echo '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"B","Expiration":"2020-01-01T00:00:00Z"}'`,
    /expired at 2020-01-01T00:00:00\.000Z\./,
  ],
  [
    "a key with a blank (A36)",
    `echo '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"B B"}'`,
    /the AWS secret access key contains white space\nDETAIL:  It is from the credential_process of profile "prod" \(.*line 2\)/,
  ],
];

for (const [what, command, expected] of ENDS) {
  test(`AWS's files: a credential_process: ${what}`, async () => {
    const config = `[profile prod]\ncredential_process = ${command}\n${DB}[profile other]\n${OTHER}`;
    const run = await signed({ config });
    assert.equal(run.status, 125, run.stdout);
    assert.match(run.stderr, expected);
    assert.doesNotMatch(run.stderr, /secret\+key/);
  });
}

// Keys of the environment and of files that cannot be AWS's, and what names them.
const BAD_KEYS: readonly (readonly [string, string, string, RegExp])[] = [
  [
    "a line end",
    "AKID",
    "secret\n",
    /secret access key contains a line break\nDETAIL:  It is from AWS_SECRET_ACCESS_KEY\./,
  ],
  [
    "quotes",
    '"AKID"',
    "secret",
    /access key id contains quotes\nDETAIL:  It is from AWS_ACCESS_KEY_ID\./,
  ],
  ["a blank before it", "AKID", " EXAMPLEKEY/0", /secret access key contains white space/],
  ["a letter beyond ASCII", "AKID", "sécret", /contains a non-ASCII character/],
  ["a control character", "AKID", "sec\u0007ret", /contains a control character/],
];

for (const [what, id, secret, expected] of BAD_KEYS) {
  test(`AWS's files: a key of the environment with ${what} is refused before it signs (A36)`, async () => {
    const env = { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret };
    const args = ["--host", HOST, "--user", "app_ro"];
    const run = await signed({ config: "", env, args });
    assert.equal(run.status, 125, run.stdout);
    assert.match(run.stderr, expected);
  });
}

test("AWS's files: a key in a file with a curly quote in it is refused with the line", async () => {
  const config = `[profile prod]\naws_access_key_id = AKID\naws_secret_access_key = sec“ret\n${DB}`;
  assert.match(
    (await signed({ config })).stderr,
    /secret access key contains quotes\nDETAIL:  It is from .*config, line 2\./,
  );
});

// The container's variables, and what is told of the server.
const CONTAINERS: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
  [
    "a token file that is not there (A32)",
    {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://169.254.170.23/v1/credentials",
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "/nowhere",
    },
    /in AWS_CONTAINER_CREDENTIALS_FULL_URI failed\nDETAIL:  The file of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, \/nowhere, cannot be read: ENOENT\./,
  ],
  [
    "a host that is neither this machine nor AWS's (A32)",
    { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://host.docker.internal:9911/" },
    /_URI failed\nDETAIL:  host\.docker\.internal:9911 is neither this machine/,
  ],
  [
    "a server that is not there",
    { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:1/x" },
    /_URI failed\nDETAIL:  127\.0\.0\.1:1: .*ECONNREFUSED/,
  ],
];

for (const [what, env, expected] of CONTAINERS) {
  test(`AWS's files: a container's credentials server: ${what}`, async () => {
    const run = await signed({ config: "", env, args: ["--host", HOST, "--user", "app_ro"] });
    assert.equal(run.status, 125, run.stdout);
    assert.match(run.stderr, expected);
    assert.doesNotMatch(run.stderr, /WEB_IDENTITY|sso login/);
  });
}

test("AWS's files: a container's credentials server that answers 401 is named with its status (A32)", async () => {
  await using server = await startRefusing(401);
  const env = {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${server.url}/x`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: "a-token-of-the-container",
  };
  const run = await signed({ config: "", env, args: ["--host", HOST, "--user", "app_ro"] });
  assert.match(run.stderr, /DETAIL:  127\.0\.0\.1:\d+ answered with HTTP status 401\./);
  assert.doesNotMatch(run.stderr, /a-token-of-the-container/);
  const config = `[profile prod]\nrole_arn = arn:aws:iam::123456789012:role/r\ncredential_source = EcsContainer\n${DB}`;
  assert.match((await signed({ config, env })).stderr, /HTTP status 401/);
  assert.match(
    (await signed({ config })).stderr,
    /AWS_CONTAINER_CREDENTIALS_FULL_URI is not set, which the credential_source of profile "prod" needs/,
  );
});

async function startRefusing(status: number) {
  const server = createServer((_request, response) => {
    response.writeHead(status).end("{}");
  });
  const running = await listen(server);
  return { ...running, url: `http://127.0.0.1:${running.port}` };
}
