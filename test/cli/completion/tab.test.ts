// TAB presses in the three shells: what they complete, whom they hand over to, and that no server is asked meanwhile.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { TARGETS_AWK } from "../../../src/cli/completion/targets.ts";
import { argumentsAfter, makeStage, missing, startShell } from "../../support/completion-stage.ts";

const BASH_COMPLETION = "/usr/share/bash-completion/bash_completion";

// What is typed before the TAB, and what is called after it.
const CASES: readonly (readonly [string, string])[] = [
  ["rdsiam ps", "[psql]"],
  ["rdsiam psql st", "[psql][stage]"],
  ["rdsiam psql -v st", "[psql][-v][stage]"],
  ["rdsiam psql --user x st", "[psql][--user][x][stage]"],
  ["rdsiam psql ev", "[psql][evil$(touch pwned)]"],
  ["rdsiam token st", "[token][stage]"],
  ["rdsiam psql --regi", "[psql][--region]"],
  ["rdsiam psql --region eu-nor", "[psql][--region][eu-north-1]"],
  ["rdsiam psql --region=eu-nor", "[psql][--region=eu-north-1]"],
  ["rdsiam psql --via soc", "[psql][--via][socks5://]"],
  ["rdsiam psql --profile cor", "[psql][--profile][corp]"],
  ["rdsiam psql --sslrootcert a-fi", "[psql][--sslrootcert][a-file.pem]"],
  ["rdsiam psql my", "[psql][my prod]"],
  ["rdsiam psql --profile my", "[psql][--profile][my prod]"],
  ["rdsiam exec --target src=st", "[exec][--target][src=stage]"],
  ["rdsiam exec --target src=stage quux-t", "[exec][--target][src=stage][quux-tool]"],
  ["rdsiam ca u", "[ca][update]"],
  ["rdsiam completion f", "[completion][fish]"],
  ["rdsiam psql stage --no-psq", "[psql][stage][--no-psqlrc]"],
  [
    "rdsiam psql --region=eu-west-1 stage -- --no-psq",
    "[psql][--region=eu-west-1][stage][--][--no-psqlrc]",
  ],
  ["rdsiam exec stage quux-t", "[exec][stage][quux-tool]"],
  ["rdsiam exec -- quux-t", "[exec][--][quux-tool]"],
  ["rdsiam exec stage cat --show-al", "[exec][stage][cat][--show-all]"],
  ["rdsiam exec -- cat --show-al", "[exec][--][cat][--show-all]"],
  ["rdsiam demo -- rdsiam psql st", "[demo][--][rdsiam][psql][stage]"],
  ["rdsiam psql stage leak", "[psql][stage][leak]"],
  ["rdsiam psql stage -U leak", "[psql][stage][-U][leak]"],
  ["rdsiam exec stage psql leak", "[exec][stage][psql][leak]"],
  ["rdsiam exec stage dropdb leak", "[exec][stage][dropdb][leak]"],
];

interface Shell {
  readonly words: readonly string[];
  readonly setup: string;
  readonly skip: string | false;
}

// Names as aws-sso-cli writes them; bash breaks words at : (A34).
const COLONS: readonly (readonly [string, string])[] = [
  ["rdsiam psql ac", "[psql][acct:role]"],
  ["rdsiam psql acct:", "[psql][acct:role]"],
  ["rdsiam psql acct:ro", "[psql][acct:role]"],
  ["rdsiam psql --profile acct:", "[psql][--profile][acct:role]"],
  ["rdsiam psql --profile=acct:r", "[psql][--profile=acct:role]"],
  ["rdsiam exec --target a=acct:r", "[exec][--target][a=acct:role]"],
  ["rdsiam exec --target=a=acct:", "[exec][--target=a=acct:role]"],
];

const SHELLS: Readonly<Record<string, Shell>> = {
  bash: {
    words: ["bash", "--norc", "--noprofile", "-i"],
    setup: `bind 'set enable-bracketed-paste off'; . ${BASH_COMPLETION}; . ${resolve("completions/rdsiam.bash")}`,
    skip: missing("bash", BASH_COMPLETION),
  },
  zsh: {
    words: ["zsh", "-f", "-i"],
    setup: `unset zle_bracketed_paste; fpath=(${resolve("completions")} $fpath); autoload -Uz compinit; compinit -u`,
    skip: missing("zsh"),
  },
  fish: {
    words: ["fish", "-i"],
    setup: `set -g fish_autosuggestion_enabled 0; source ${resolve("completions/rdsiam.fish")}`,
    skip: missing("fish"),
  },
};

for (const [name, { words, setup, skip }] of Object.entries(SHELLS)) {
  test(`TAB in ${name}`, { skip }, async (t) => {
    await using stage = await makeStage();
    await using terminal = await startShell(stage, words, setup);
    for (const [typed, called] of [...CASES, ...COLONS]) {
      await t.test(typed, async () => {
        assert.equal(await argumentsAfter(terminal, `${typed}\t`), called);
      });
    }
    await t.test("no server was asked, and no name was run", () => {
      const asked = stage.psqlCalls().filter((call) => !/--help|--version/.test(call));
      assert.deepEqual(asked, []);
      assert.equal(existsSync(join(stage.directory, "pwned")), false);
    });
  });
}

test("TAB in PowerShell", { skip: missing("pwsh") }, async () => {
  await using stage = await makeStage();
  const lines = [
    "rdsiam psq",
    "rdsiam psql st",
    "rdsiam psql --region eu-nor",
    "rdsiam env --shell=po",
  ];
  const asked = lines.map(
    (line) => `(TabExpansion2 '${line}' ${line.length}).CompletionMatches.CompletionText -join ' '`,
  );
  const script = [`. ${resolve("completions/rdsiam.ps1")}`, ...asked].join("; ");
  const ran = spawnSync("pwsh", ["-NoProfile", "-NonInteractive", "-Command", script], {
    encoding: "utf8",
    env: { ...stage.env },
  });
  assert.deepEqual(ran.stdout.split(/\r?\n/).slice(0, -1), [
    "psql",
    "stage",
    "eu-north-1",
    "--shell=powershell",
  ]);
});

test("TAB in bash without the package bash-completion", { skip: missing("bash") }, async () => {
  await using stage = await makeStage();
  const { words } = SHELLS["bash"] ?? { words: [] };
  const source = `. ${resolve("completions/rdsiam.bash")}`;
  await using terminal = await startShell(stage, words, source);
  for (const [typed, called] of [
    ["rdsiam psql --region=eu-nor\t st", "[psql][--region=eu-north-1][stage]"],
    ["rdsiam exec stage quux-t\t a-f", "[exec][stage][quux-tool][a-file.pem]"],
    ["rdsiam psql stage -f a-f", "[psql][stage][-f][a-file.pem]"],
    ...COLONS,
  ] as const) {
    assert.equal(await argumentsAfter(terminal, `${typed}\t`), called);
  }
  // Without : among the word breaks the whole word is replaced.
  terminal.type("COMP_WORDBREAKS=${COMP_WORDBREAKS//:}\r");
  for (const [typed, called] of COLONS) {
    assert.equal(await argumentsAfter(terminal, `${typed}\t`), called);
  }
});

test("TARGETS_AWK lists what rdsiam list does, in its order", async () => {
  await using stage = await makeStage();
  const file = (name: string, text: string): string => {
    const path = join(stage.directory, name);
    writeFileSync(path, text);
    return path;
  };
  const own = file(
    "own",
    `; mine\r\n[a b]\r\nhost = a.example.com\r\nuser="jane"\r\n[shadowed]\nuser = x\n[z:y]\nprofile = corp\nhostname=z.example.com:6432\n`,
  );
  const config = file(
    "aws-config",
    `[default]\nrds_host = d.example.com\n[profile corp]\nregion = x\n[profile "q"]\nrds_host=q.example.com\n[profile 'my it']\nRDS_Host = i.example.com\nRDS_USER = jo\n[sso-session s]\nrds_host = s\n[profile shadowed]\nrds_host = h\n# [profile no]\n[profile half]\nrds_user = half\n`,
  );
  const credentials = file(
    "aws-credentials",
    `[half]\nrds_host = half.example.com\n[corp]\naws_access_key_id = A\n`,
  );
  const paths = {
    RDSIAM_CONFIG_FILE: own,
    AWS_CONFIG_FILE: config,
    AWS_SHARED_CREDENTIALS_FILE: credentials,
  };
  const env = { ...process.env, ...paths, HOME: stage.directory };
  const words = ["kind=own", own, "kind=config", config, "kind=credentials", credentials];
  const listed = spawnSync(process.execPath, ["dist/rdsiam.js", "list", "--names"], {
    env,
    encoding: "utf8",
  });
  const read = spawnSync("awk", [TARGETS_AWK, ...words], { encoding: "utf8" });
  assert.equal(read.stdout.replaceAll(/\t.*/g, ""), listed.stdout);
  assert.deepEqual(listed.stdout.trim().split("\n"), [
    "a b",
    "z:y",
    "default",
    "q",
    "my it",
    "half",
  ]);
  assert.match(read.stdout, /^a b\tjane@a\.example\.com\nz:y\tz\.example\.com:6432$/m);
  assert.match(read.stdout, /^my it\tjo@i\.example\.com$/m);
});
