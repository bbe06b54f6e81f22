// The table of settings: each has all its parts, and everything that is made from the table has each setting.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { generatedFiles } from "../../scripts/manual/generated-files.ts";
import { helpText } from "../../src/cli/help.ts";
import { OPTIONS, VARIABLES } from "../../src/cli/options.ts";
import { COMMANDS } from "../../src/commands/command-table.ts";
import { KEYS, SETTING_NAMES, SETTINGS, valueProblem } from "../../src/config/keys.ts";
import { keyOf, optionFlag, variableOf } from "../../src/config/names.ts";
import type { Setting } from "../../src/config/setting.ts";
import { resolveSettings } from "../../src/config/settings.ts";
import { loadFrom } from "../support/config-fixture.ts";

const GENERATED = new Map(
  [...generatedFiles()].map(([file, text]) => [file, text.replaceAll("\\-", "-")]),
);
const MANUAL = GENERATED.get("man/rdsiam.1") ?? "";
const REFERENCE = GENERATED.get("docs/reference.md") ?? "";
const COMPLETIONS = [...GENERATED].filter(([file]) => file.startsWith("completions/"));

function setting(name: (typeof SETTING_NAMES)[number]): Setting {
  return SETTINGS[name];
}

describe("SETTINGS", () => {
  for (const name of SETTING_NAMES) {
    const { about, noKey, noVariable, option, summary, type } = setting(name);

    test(`${name} has a summary, a check, and an option or the reason for none`, () => {
      assert.match(summary, /^(?:[a-z]|[A-Z]{2,}).*[^.]$|\.\.\.$/);
      assert.match(about ?? "Whole sentences.", /\.$/);
      assert.equal(valueProblem(name, ""), "is empty");
      assert.notEqual(type.problem("\0"), undefined);
      for (const reason of [noKey, noVariable])
        assert.ok(reason === undefined || reason.length > 20);
      if (typeof option === "string") assert.ok(option.length > 20, option);
      else
        for (const command of option.commands)
          assert.ok(COMMANDS.some((each) => each.name === command));
    });

    test(`${name} is in the man page, the reference, the completions and the help`, () => {
      const key = `rds_${keyOf(name)}`;
      assert.equal(new RegExp(`^\\| \`${key}\``, "m").test(REFERENCE), noKey === undefined);
      assert.equal(new RegExp(`^\\.B ${keyOf(name)}$`, "m").test(MANUAL), noKey === undefined);
      if (noVariable === undefined) {
        assert.ok(VARIABLES.includes(variableOf(name)));
        assert.ok(REFERENCE.includes(`\`${variableOf(name)}\``));
      }
      if (typeof option === "string") return;
      const flag = optionFlag(option.name ?? name);
      assert.equal(
        OPTIONS.filter((each) => optionFlag(each.name) === flag && each.summary === summary).length,
        1,
      );
      assert.match(MANUAL, new RegExp(`^\\.B (?:-\\w, )?${flag}\\b`, "m"));
      for (const [file, text] of COMPLETIONS) assert.ok(text.includes(flag), `${flag} in ${file}`);
      for (const command of COMMANDS.filter((each) => option.commands.includes(each.name))) {
        assert.ok(
          helpText(command, { commands: COMMANDS, rows: Infinity }).includes(flag),
          command.name,
        );
      }
    });
  }

  test("no key has two settings", () => {
    const names = SETTING_NAMES.flatMap((name) => {
      const { noKey, synonym } = setting(name);
      return noKey === undefined ? [keyOf(name), ...(synonym === undefined ? [] : [synonym])] : [];
    });
    assert.equal(KEYS.size, names.length);
  });

  test("the defaults are what resolveSettings() resolves to where nothing is set", async () => {
    const settings = resolveSettings({
      targetName: "t",
      options: {},
      loaded: await loadFrom({ config: "[profile t]\nrds_host = h\n" }),
      env: {},
      home: "/",
    });
    for (const name of SETTING_NAMES.filter((each) => each !== "host")) {
      assert.deepEqual(settings[name], setting(name).default, name);
    }
  });

  test("each key of an AWS profile is read as the setting's type", async () => {
    for (const [key, name] of KEYS) {
      // A target has the host and the port apart.
      if (name === "host") continue;
      const { type } = setting(name);
      const candidates = [
        "yes",
        "off",
        "1000",
        "12",
        "10.0.0.2",
        "eu-west-1",
        "arn:aws:iam::123456789012:role/r",
        "direct",
        "red",
      ];
      const text = candidates.find((each) => type.problem(each) === undefined) ?? assert.fail(name);
      const loaded = await loadFrom({
        config: `[profile t]\nrds_host = h\nrds_${key} = ${text}\n`,
      });
      const target = loaded.targets.get("t");
      assert.deepEqual(target?.problems, [], key);
      assert.deepEqual(target[name], type.read(text, "/"), key);
    }
  });
});
