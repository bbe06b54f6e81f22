// One auth token for the logins of a run, and a new one when the server no longer takes it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { rdsiam, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage());

const skip = without("psql");

// Two tokens that are signed in one second are the same text: each login is in a second of its own.
const SCRIPT = `i=0
while [ $i -lt $0 ]; do
  i=$((i+1)); psql -XAtc "select 'login', $i"
  now=$(date +%s); while [ $(date +%s) = $now ]; do sleep 0.05; done
done`;

/** Runs psql as often as asked, in one rdsiam; gives the digests of the tokens that the server took. */
async function logIn(times: number) {
  const { logins, refusals } = standIn.gateway;
  const [first, refused] = [logins.length, refusals.length];
  const words = ["exec", "prod", "sh", "-c", SCRIPT, String(times)];
  const ran = await rdsiam(words, { env: standIn.env });
  const digests = logins.slice(first).map(({ tokenDigest }) => tokenDigest);
  return { ...ran, digests, refusals: refusals.length - refused };
}

test("the logins of a run share one auth token", { skip }, async () => {
  const ran = await logIn(3);
  assert.equal(ran.stdout, "login|1\nlogin|2\nlogin|3\n", ran.stderr);
  assert.equal(ran.digests.length, 3);
  assert.equal(new Set(ran.digests).size, 1);
  assert.notEqual((await logIn(1)).digests[0], ran.digests[0]);
});

test(
  "a reused auth token that is refused is signed anew, once, and the tool hears nothing of it",
  { skip },
  async () => {
    const { keys } = standIn;
    const find = keys.find.bind(keys);
    let asked = 0;
    keys.find = (id) => (++asked === 2 ? undefined : find(id));
    const ran = await logIn(3);
    keys.find = find;
    assert.equal(ran.stdout, "login|1\nlogin|2\nlogin|3\n", ran.stderr);
    assert.deepEqual([ran.refusals, asked], [1, 4]);
    const [first, second, third] = ran.digests;
    assert.ok(first !== second && second === third);
    assert.equal(ran.stderr, "");
  },
);

test("a token that is refused when it is new is not tried again", { skip }, async () => {
  const { keys } = standIn;
  const find = keys.find.bind(keys);
  let asked = 0;
  keys.find = (id) => (++asked === 1 ? undefined : find(id));
  const ran = await logIn(1);
  keys.find = find;
  assert.deepEqual([ran.refusals, asked], [1, 1]);
  assert.match(ran.stderr, /PAM authentication failed/);
});
