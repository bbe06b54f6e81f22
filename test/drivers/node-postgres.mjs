// node-postgres, with PG* alone or with the URI in CLIENT_URL. COPY comes from pg-copy-streams.
import { Buffer } from "node:buffer";
import { once } from "node:events";
import process from "node:process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { from as copyFrom, to as copyTo } from "pg-copy-streams";

const say = (...words) => process.stdout.write(`${words.join(" ")}\n`);
const sqlstate = (promise) =>
  promise.then(
    () => "none",
    (error) => error.code,
  );

async function main() {
  const client = new pg.Client(process.env.CLIENT_URL);
  client.on("error", () => {});
  try {
    await client.connect();
  } catch (error) {
    say("refused", error.code, error.message);
    return;
  }
  const user = await client.query("select current_user as it");
  say("connect", user.rows[0].it);
  const { rows } = await client.query("select $1::int + 1 as a, $2::text as b", [41, "Zoë"]);
  say("query", rows[0].a, rows[0].b);
  await client.query("create temp table t (n int, s text)");
  const lines = Array.from({ length: 10_000 }, (_, at) => `${at}\trow ${at}\n`);
  await pipeline(Readable.from(lines), client.query(copyFrom("copy t from stdin")));
  const sum = await client.query("select count(*)::int as c, sum(n)::int as s from t");
  say("copyin", sum.rows[0].c, sum.rows[0].s);
  const out = [];
  for await (const chunk of client.query(copyTo("copy t to stdout"))) out.push(chunk);
  say("copyout", Buffer.concat(out).toString() === lines.join("") ? lines.length : "differs");
  await client.query("begin isolation level read committed; lock table t in access share mode");
  const locked = await client.query("select count(*)::int as it from t");
  await client.query("commit");
  say("locked", locked.rows[0].it);
  say("error", await sqlstate(client.query("select * from no_such_table")));
  const query = new pg.Query("select pg_sleep(30)");
  const failed = once(query, "error");
  client.query(query);
  await setTimeout(300);
  new pg.Client(process.env.CLIENT_URL).cancel(client, query);
  say("cancel", (await failed)[0].code);
  await client.query("set statement_timeout = 200");
  say("timeout", await sqlstate(client.query("select pg_sleep(1)")));
  say("after", (await client.query("select 1 as it")).rows[0].it);
  await client.end();
}

void main();
