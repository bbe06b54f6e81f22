// The direction rule bites: each case is a src of a few files that breaks it in one way.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { upwardImports } from "../scripts/floors.ts";

function broken(sources: Readonly<Record<string, string>>): string[] {
  return upwardImports(new Map(Object.entries(sources)));
}

describe("upwardImports()", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["an upper room", "src/session/a.ts", "../commands/psql.ts"],
    ["a room beside", "src/aws/a.ts", "../rds/endpoint.ts"],
    ["a use of a session beside", "src/relay/a.ts", "../serve/open-proxies.ts"],
    ["a file of src itself", "src/commands/a.ts", "../main.ts"],
    ["demo", "src/proxy/a.ts", "../demo/gateway.ts"],
    ["demo by another command", "src/commands/psql.ts", "../demo/gateway.ts"],
    ["anything but base and protocol by demo", "src/demo/a.ts", "../config/settings.ts"],
  ];
  for (const [name, file, path] of cases) {
    test(`refuses ${name}: ${file} imports ${path}`, () => {
      for (const source of [
        `import { x } from "${path}";`,
        `import type { X } from "${path}";`,
        `import {\n  x,\n} from "${path}";`,
        `export * from "${path}";`,
        `const x = import("${path}");`,
      ])
        assert.equal(broken({ [file]: source }).length, 1, source);
    });
  }

  test("accepts a lower room, the own room, demo by its command, package.json", () => {
    for (const [file, path] of [
      ["src/session/a.ts", "../aws/credentials.ts"],
      ["src/session/a.ts", "./b.ts"],
      ["src/commands/demo.ts", "../demo/gateway.ts"],
      ["src/demo/a.ts", "../protocol/message.ts"],
      ["src/base/version.ts", "../../package.json"],
      ["src/start.ts", "./main.ts"],
    ] as const)
      assert.deepEqual(broken({ [file]: `import { x } from "${path}";` }), []);
  });

  test("refuses a file in no room", () => {
    assert.deepEqual(broken({ "src/utils/a.ts": "", "src/loose.ts": "" }), [
      "src/utils/a.ts is in no room",
      "src/loose.ts is in no room",
    ]);
  });

  test("refuses a cycle, of types too", () => {
    const lines = broken({
      "src/aws/a.ts": `import { b } from "./b.ts";`,
      "src/aws/b.ts": `import type { C } from "./c.ts";`,
      "src/aws/c.ts": `import { a } from "./a.ts";`,
    });
    assert.deepEqual(lines, [
      "a cycle: src/aws/a.ts -> src/aws/b.ts -> src/aws/c.ts -> src/aws/a.ts",
    ]);
  });
});
