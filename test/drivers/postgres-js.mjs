// postgres.js, with PG* alone or with the URI in CLIENT_URL.
import { Buffer } from "node:buffer";
import process from "node:process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout } from "node:timers/promises";
import postgres from "postgres";

const say = (...words) => process.stdout.write(`${words.join(" ")}\n`);
const sqlstate = (promise) =>
  promise.then(
    () => "none",
    (error) => error.code,
  );

// On a connection of its own: postgres.js leaves its socket paused after a COPY that filled the stream's buffer, also
// without a proxy, and nothing that is asked on that connection afterwards is answered.
async function copyOut() {
  const sql = postgres(process.env.CLIENT_URL ?? "", { max: 1 });
  const query = sql`copy (select n, 'row ' || n from generate_series(0, 9999) n) to stdout`;
  const out = [];
  for await (const chunk of await query.readable()) out.push(chunk);
  await sql.end({ timeout: 0 });
  return Buffer.concat(out).toString();
}

async function main() {
  const sql = postgres(process.env.CLIENT_URL ?? "", { max: 1, onnotice: () => {} });
  try {
    const [user] = await sql`select current_user as it`;
    say("connect", user.it);
  } catch (error) {
    say("refused", error.code, error.message);
    await sql.end();
    return;
  }
  const [row] = await sql`select ${41}::int + 1 as a, ${"Zoë"}::text as b`;
  say("query", row.a, row.b);
  await sql`create temp table t (n int, s text)`;
  const lines = Array.from({ length: 10_000 }, (_, at) => `${at}\trow ${at}\n`);
  await pipeline(Readable.from(lines), await sql`copy t from stdin`.writable());
  const [sum] = await sql`select count(*)::int as c, sum(n)::int as s from t`;
  say("copyin", sum.c, sum.s);
  say("copyout", (await copyOut()) === lines.join("") ? lines.length : "differs");
  await sql.begin("isolation level read committed", async (inside) => {
    await inside`lock table t in access share mode`;
    const [locked] = await inside`select count(*)::int as it from t`;
    say("locked", locked.it);
  });
  say("error", await sqlstate(sql`select * from no_such_table`));
  const query = sql`select pg_sleep(30)`;
  const failed = sqlstate(query);
  await setTimeout(300);
  query.cancel();
  say("cancel", await failed);
  await sql`set statement_timeout = 200`;
  say("timeout", await sqlstate(sql`select pg_sleep(1)`));
  const [after] = await sql`select 1 as it`;
  say("after", after.it);
  await sql.end();
}

void main();
