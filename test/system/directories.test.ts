// Environment and directories of both systems.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  cacheDirectory,
  configDirectory,
  dataDirectory,
  environmentOf,
  expandHome,
  homeDirectory,
  stateDirectory,
} from "../../src/system/directories.ts";
import { leadsPastProxy } from "../../src/tool/environment.ts";

const JO = String.raw`C:\Users\jo`;

test("environmentOf() has each variable of Windows under the one name that is asked for", () => {
  const given = { Path: "p", pgHost: "h", ComSpec: "c", RDSIAM_TARGET: "t" };
  const windows = environmentOf(given, "win32");
  assert.deepEqual(windows, { PATH: "p", PGHOST: "h", COMSPEC: "c", RDSIAM_TARGET: "t" });
  assert.deepEqual(Object.keys(windows).filter(leadsPastProxy), ["PGHOST"]);
  assert.deepEqual(environmentOf(given, "linux"), given);
});

test("homeDirectory() is the one that the AWS CLI has", () => {
  const windows = {
    HOME: "/c/Users/git",
    USERPROFILE: JO,
    HOMEDRIVE: "D:",
    HOMEPATH: String.raw`\h`,
  };
  assert.equal(homeDirectory(windows, "win32"), JO);
  assert.equal(homeDirectory({ ...windows, USERPROFILE: undefined }, "win32"), String.raw`D:\h`);
  assert.equal(homeDirectory(windows, "linux"), "/c/Users/git");
});

test("the directories are XDG's on POSIX, and the user's two of AppData on Windows", () => {
  const known = { APPDATA: String.raw`R:\roaming`, LOCALAPPDATA: String.raw`L:\local` };
  const all = [configDirectory, dataDirectory, stateDirectory, cacheDirectory];
  const of = (env: object, home: string, platform: NodeJS.Platform) =>
    all.map((each) => each({ ...env }, home, platform));
  const local = String.raw`L:\local\rdsiam`;
  assert.deepEqual(of(known, JO, "win32"), [String.raw`R:\roaming\rdsiam`, local, local, local]);
  const own = String.raw`${JO}\AppData\Local\rdsiam`;
  assert.deepEqual(of({}, JO, "win32"), [String.raw`${JO}\AppData\Roaming\rdsiam`, own, own, own]);
  const xdg = {
    XDG_CONFIG_HOME: "/c",
    XDG_DATA_HOME: "/d",
    XDG_STATE_HOME: "/s",
    XDG_CACHE_HOME: "/k",
  };
  assert.deepEqual(of({ ...known, ...xdg }, "/h", "linux"), [
    "/c/rdsiam",
    "/d/rdsiam",
    "/s/rdsiam",
    "/k/rdsiam",
  ]);
  assert.deepEqual(of(known, "/h", "linux"), [
    "/h/.config/rdsiam",
    "/h/.local/share/rdsiam",
    "/h/.local/state/rdsiam",
    "/h/.cache/rdsiam",
  ]);
  assert.equal(configDirectory({ ...xdg, ...known }, JO, "win32"), String.raw`\c\rdsiam`);
});

test("expandHome() takes what each system's shell takes", () => {
  assert.equal(expandHome("~/ca.pem", "/h", "linux"), "/h/ca.pem");
  assert.equal(expandHome(String.raw`~\ca.pem`, "/h", "linux"), String.raw`~\ca.pem`);
  for (const path of ["~/ca.pem", String.raw`~\ca.pem`]) {
    assert.equal(expandHome(path, JO, "win32"), String.raw`${JO}\ca.pem`);
  }
  assert.equal(expandHome("~jo/x", JO, "win32"), "~jo/x");
});
