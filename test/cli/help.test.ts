// `--help` fits a screen and has every option, and its examples are valid command lines.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readArguments } from "../../src/cli/arguments.ts";
import { helpText, optionSyntax, SCREEN } from "../../src/cli/help.ts";
import { OPTIONS, optionsOf, optionVariable } from "../../src/cli/options.ts";
import { COMMANDS } from "../../src/commands/command-table.ts";

// A terminal of 24 lines shows the help of a command, unless it has many options of its own; all commands take a few more.
const LIMITS: Readonly<Record<string, number>> = {
  exec: 32,
  proxy: 28,
  relay: 28,
  setup: 26,
  rdsiam: 32,
};
const PAGES = [undefined, ...COMMANDS];
const everything = { commands: COMMANDS, rows: Infinity };
const small = { commands: COMMANDS, rows: SCREEN.rows };

for (const command of PAGES) {
  const title = ["rdsiam", ...(command === undefined ? [] : [command.name])].join(" ");

  test(`helpText() of ${title} fits a terminal`, () => {
    const lines = helpText(command, small).split("\n");
    const limit = LIMITS[command?.name ?? "rdsiam"] ?? SCREEN.rows;
    assert.ok(lines.length < limit, `${lines.length} lines`);
    for (const line of lines) assert.ok(line.length <= SCREEN.columns, line);
  });

  test(`helpText() of ${title} has every option, and its summary where there is room`, () => {
    const short = helpText(command, small);
    const long = helpText(command, everything);
    const { length } = long.split("\n");
    assert.equal(helpText(command, { commands: COMMANDS, rows: length + 1 }), long);
    assert.notEqual(helpText(command, { commands: COMMANDS, rows: length }), long);
    for (const option of optionsOf(command?.name)) {
      const explained = `${optionSyntax(option)} ${option.summary}`;
      assert.ok(short.includes(optionSyntax(option)), option.name);
      assert.ok(long.replaceAll(/\s+/g, " ").includes(explained), option.name);
    }
  });
}

test("helpText() of the program says what it is and what a target is, and has every command under a heading", () => {
  for (const how of [small, everything]) {
    const lines = helpText(undefined, how).split("\n");
    assert.match(lines[0] ?? "", /^rdsiam runs PostgreSQL tools on Amazon RDS/);
    assert.ok(lines.some((line) => line.startsWith("TARGET ")));
    for (const { name, summary, group } of COMMANDS) {
      const at = lines.findIndex(
        (line) => line.startsWith(`  ${name} `) && line.endsWith(` ${summary}`),
      );
      assert.equal(
        lines.slice(0, at).findLast((line) => line.endsWith(":")),
        `${group}:`,
        name,
      );
    }
  }
});

test("helpText() folds rare options first, and common ones stay explained", () => {
  const proxy = COMMANDS.find(({ name }) => name === "proxy");
  const { length } = helpText(proxy, everything).split("\n");
  const text = helpText(proxy, { commands: COMMANDS, rows: length - 20 });
  for (const { name, summary, rare } of optionsOf("proxy"))
    if (rare === true) assert.ok(!text.includes(summary), name);
  assert.match(text, /--read-only {2,}\S+/);
  assert.match(text, /--help --verbose explains everything/);
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

test("helpText() of init speaks of no variables for its options, which it takes from the command line alone", () => {
  const variables = /^Each option can also be set as an environment variable/m;
  for (const command of COMMANDS)
    assert.equal(variables.test(helpText(command, everything)), command.name !== "init");
  const own = OPTIONS.filter(({ name }) => name.startsWith("sso"));
  assert.deepEqual(
    own.map((option) => optionVariable(option)),
    own.map(() => undefined),
  );
  assert.equal(own.length, 4);
});

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
