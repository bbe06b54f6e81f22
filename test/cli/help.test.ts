// `--help` fits a screen and has every option, and its examples are valid command lines.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readArguments } from "../../src/cli/arguments.ts";
import { helpText, optionSyntax, SCREEN } from "../../src/cli/help.ts";
import { OPTIONS, optionsOf } from "../../src/cli/options.ts";
import { COMMANDS } from "../../src/commands/command-table.ts";

// Only commands with many options of their own may need a tall screen.
const TALL = ["exec", "proxy", "relay"];
const PAGES = [undefined, ...COMMANDS];

for (const command of PAGES) {
  const title = ["rdsiam", ...(command === undefined ? [] : [command.name])].join(" ");

  test(`helpText() of ${title} fits a screen`, () => {
    const lines = helpText(command, { commands: COMMANDS, all: false }).split("\n");
    const rows = TALL.includes(command?.name ?? "") ? SCREEN.tallRows : SCREEN.rows;
    assert.ok(lines.length < rows, `${lines.length} lines`);
    for (const line of lines) assert.ok(line.length <= SCREEN.columns, line);
  });

  test(`helpText() of ${title} has every option, with --verbose its summary too`, () => {
    const short = helpText(command, { commands: COMMANDS, all: false });
    const long = helpText(command, { commands: COMMANDS, all: true }).replaceAll(/\s+/g, " ");
    for (const option of optionsOf(command?.name)) {
      assert.ok(short.includes(optionSyntax(option)), option.name);
      assert.ok(long.includes(`${optionSyntax(option)} ${option.summary}`), option.name);
    }
  });
}

test("helpText() of the program has every command with its summary", () => {
  const lines = helpText(undefined, { commands: COMMANDS, all: false }).split("\n");
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
    test(`readArguments() reads the example: ${example}`, () => {
      // Up to where the shell's own part of the line begins.
      const [, line = ""] = /\brdsiam ([^|>]*?)(?: *[|>].*|\)"?)?$/.exec(example) ?? [];
      const words = line.match(/'[^']*'|\S+/g) ?? [];
      assert.ok(readArguments(words, COMMANDS).command !== undefined, name);
    });
  }
}

test("rdsiam help COMMAND is rdsiam COMMAND --help", () => {
  for (const words of [
    ["help", "exec"],
    ["help", "-v", "exec"],
    ["-v", "help", "exec"],
  ]) {
    const { command, options } = readArguments(words, COMMANDS);
    assert.deepEqual([command?.name, options.help], ["exec", true]);
  }
  const { command, options } = readArguments(["help"], COMMANDS);
  assert.deepEqual([command, options.help], [undefined, true]);
});
