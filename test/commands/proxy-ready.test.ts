// What `rdsiam proxy` prints on a terminal once it listens.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ReadyProxy, readyLines, readyText } from "../../src/commands/proxy-ready.ts";

const READY: ReadyProxy = {
  target: "prod",
  host: "127.0.0.1",
  port: 6432,
  user: "app_ro",
  dbname: "orders",
  password: { text: "hush" },
  certificate: undefined,
};
const URL_LINE = "  psql 'postgresql://app_ro@127.0.0.1:6432/orders?sslmode=disable'";

test("readyText() says for what, how to connect and how to stop, without the password", () => {
  assert.deepEqual(readyText([READY]), [
    "prod is ready at 127.0.0.1 port 6432. Connect with:",
    URL_LINE,
    "The password: add --show-password, or name a file: --password-file FILE",
    "Ctrl-C stops it.",
  ]);
  assert.match(readyLines([READY]).join(), /app_ro:hush@/);
});

test("readyText() names the file of a password, and nothing where none is asked for", () => {
  const [, line = "", ...rest] = readyText([{ ...READY, password: { file: "/home/me/my pw" } }]);
  assert.equal(line, `  PGPASSWORD="$(cat '/home/me/my pw')" ${URL_LINE.trim()}`);
  assert.deepEqual(rest, ["Ctrl-C stops it."]);
  const open = readyText([
    { ...READY, password: "none" },
    { ...READY, target: "two" },
  ]);
  assert.equal(open.filter((each) => each === URL_LINE).length, 2);
  assert.equal(open.filter((each) => /ready at/.test(each)).length, 2);
});
