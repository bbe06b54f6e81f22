// The search for programs on Windows, on a table of files; test/tool/find-tool.test.ts has POSIX's, on real ones.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type FileKind, findProgram } from "../../src/system/find-program.ts";

function windows(files: Readonly<Record<string, FileKind>>, names: readonly string[] = []) {
  const looked: string[] = [];
  const system = {
    platform: "win32" as const,
    kindOf: async (file: string) => {
      looked.push(file);
      return files[file] ?? "missing";
    },
    namesIn: async (directory: string) =>
      directory === String.raw`C:\Program Files\PostgreSQL` ? names : [],
  };
  return { looked, system };
}

const PATH = String.raw`C:\one;;"C:\with blank";D:\two`;

describe("findProgram() on Windows", () => {
  test("takes the first directory, and in it the first extension of PATHEXT", async () => {
    const { looked, system } = windows({
      [String.raw`C:\with blank\psql.cmd`]: "executable",
      [String.raw`C:\with blank\psql.exe`]: "executable",
      [String.raw`D:\two\psql.com`]: "executable",
    });
    const env = { PATH, PATHEXT: ".COM;.EXE;.BAT;.CMD;.VBS;.JS" };
    const found = await findProgram("psql", env, system);
    assert.deepEqual(found, { file: String.raw`C:\with blank\psql.exe`, kind: "executable" });
    assert.ok(
      looked.every((file) => /^C:\\(?:one|with blank)\\psql\.(?:com|exe|bat|cmd)$/.test(file)),
    );
    const other = await findProgram("psql", { PATH, PATHEXT: ".CMD;.EXE" }, system);
    assert.equal(other?.file, String.raw`C:\with blank\psql.cmd`);
  });

  test("never looks in the current directory, nor for a file without an extension", async () => {
    const { looked, system } = windows({ psql: "executable", "psql.exe": "executable" });
    assert.equal(await findProgram("psql", { PATH: ";" }, system), undefined);
    assert.equal(await findProgram("", { PATH }, system), undefined);
    assert.ok(looked.length > 0 && looked.every((file) => /^[A-Z]:\\.*\.\w{3}$/.test(file)));
  });

  test("takes drive, UNC and relative paths as they are, with the extension or without", async () => {
    const paths = [
      String.raw`D:\x\y`,
      String.raw`\\server\share\y`,
      "./y",
      String.raw`..\y`,
      "D:y",
    ];
    for (const path of paths) {
      const { looked, system } = windows({ [`${path}.cmd`]: "executable" });
      assert.equal((await findProgram(path, { PATH }, system))?.file, `${path}.cmd`);
      assert.equal((await findProgram(`${path}.cmd`, { PATH }, system))?.file, `${path}.cmd`);
      assert.ok(looked.every((file) => file.startsWith(path)));
    }
    const { system } = windows({ [String.raw`C:\d.exe`]: "directory" });
    assert.equal((await findProgram(String.raw`C:\d.exe`, {}, system))?.kind, "directory");
  });

  test("looks where EDB, pgAdmin and the plugin are installed, the newest PostgreSQL first", async () => {
    const bin = (version: string) =>
      ["C:", "Program Files", "PostgreSQL", version, "bin", "psql.exe"].join("\\");
    const pgAdmin = String.raw`C:\Program Files\pgAdmin 4\runtime\psql.exe`;
    const own = String.raw`C:\Users\jo\AppData\Local\Programs\pgAdmin 4\runtime\psql.exe`;
    const all = [bin("17"), bin("9.6"), pgAdmin, own];
    const env = { PATH, LOCALAPPDATA: String.raw`C:\Users\jo\AppData\Local` };
    for (const [index, first] of all.entries()) {
      const files = Object.fromEntries(
        all.slice(index).map((file) => [file, "executable"] as const),
      );
      const { system } = windows(files, ["9.6", "17", "data"]);
      assert.equal((await findProgram("psql", env, system))?.file, first);
    }
    const plugin = String.raw`C:\Program Files\Amazon\SessionManagerPlugin\bin\session-manager-plugin.exe`;
    const { system } = windows({ [plugin]: "executable" });
    assert.equal((await findProgram("session-manager-plugin", env, system))?.file, plugin);
  });
});
