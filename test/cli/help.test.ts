// `--help` fits a screen, says every option, and its examples are command lines that are understood.
import assert from "node:assert/strict";
import { test } from "node:test";
import { cutArgv } from "../../src/cli/argv.ts";
import { readInvocation } from "../../src/cli/parse.ts";
import { type CommandName, COMMANDS } from "../../src/cli/command-table.ts";
import { helpText, optionSyntax, SCREEN } from "../../src/cli/help.ts";
import { optionFlag, OPTIONS, optionsOf } from "../../src/cli/options.ts";

// What has many options of its own may need a tall screen; nothing else does.
const TALL: readonly (CommandName | undefined)[] = ["proxy", "relay"];
const PAGES = [undefined, ...COMMANDS.map(({ name }) => name)];

for (const command of PAGES) {
  const title = ["rdsiam", ...(command === undefined ? [] : [command])].join(" ");

  test(`helpText() of ${title} fits a screen`, () => {
    const lines = helpText(command, { all: false }).split("\n");
    const rows = TALL.includes(command) ? SCREEN.tallRows : SCREEN.rows;
    assert.ok(lines.length < rows, `${lines.length} lines`);
    for (const line of lines) assert.ok(line.length <= SCREEN.columns, line);
  });

  test(`helpText() of ${title} has every option, with --verbose its summary too`, () => {
    const short = helpText(command, { all: false });
    const long = helpText(command, { all: true }).replaceAll(/\s+/g, " ");
    for (const option of optionsOf(command)) {
      assert.ok(short.includes(optionSyntax(option)), optionFlag(option));
      assert.ok(long.includes(`${optionSyntax(option)} ${option.summary}`), optionFlag(option));
    }
  });
}

test("helpText() of the program has every command with its summary", () => {
  const lines = helpText(undefined, { all: false }).split("\n");
  for (const { name, summary } of COMMANDS)
    assert.ok(
      lines.some((line) => line.startsWith(`  ${name} `) && line.endsWith(` ${summary}`)),
      name,
    );
});

test("every option belongs to commands that there are, and its summary has no full stop", () => {
  const names = COMMANDS.map(({ name }) => name);
  for (const { name, summary, commands = [] } of OPTIONS) {
    assert.deepEqual(
      commands.filter((command) => !names.includes(command)),
      [],
      name,
    );
    assert.match(summary, /^(?:[a-z]|[A-Z]{2,}|Region )/, name);
    assert.match(summary, /[^.]$|\.\.\.$/, name);
  }
  for (const { summary } of COMMANDS) assert.match(summary, /^[a-z].*[^.]$/);
});

for (const { name, examples } of COMMANDS) {
  for (const example of examples) {
    test(`the example is understood: ${example}`, () => {
      // Up to where the shell's own part of the line begins.
      const [, line = ""] = /\brdsiam ([^|>]*?)(?: *[|>].*|\)"?)?$/.exec(example) ?? [];
      const words = line.match(/'[^']*'|\S+/g) ?? [];
      const invocation = readInvocation(cutArgv(words));
      assert.ok(
        COMMANDS.some((command) => command.name === invocation.command),
        name,
      );
    });
  }
}

test("rdsiam help COMMAND is rdsiam COMMAND --help", () => {
  for (const words of [
    ["help", "exec"],
    ["help", "-v", "exec"],
    ["-v", "help", "exec"],
  ]) {
    const cut = cutArgv(words);
    assert.deepEqual([readInvocation(cut).command, cut.command], ["help", "exec"]);
  }
  assert.deepEqual([readInvocation(cutArgv(["help"])).command], ["help"]);
});
