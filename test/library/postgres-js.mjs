// What postgres.js makes of the options: a session's settings, cancelling, and failures that leave its pool whole.
import process from "node:process";
import postgres from "postgres";
import { connectionOptions } from "rdsiam";

const say = (...words) => process.stdout.write(`${words.join(" ")}\n`);
const code = (promise) =>
  promise.then(
    () => "none",
    (error) => `${error.name} ${error.code}`,
  );

async function settings() {
  const options = await connectionOptions("prod", { readOnly: true, applicationName: "a report" });
  const sql = postgres({ ...options, max: 1 });
  const name = (key) => sql`select current_setting(${key}) as it`.then(([{ it }]) => it);
  say("read only", await name("default_transaction_read_only"), await name("application_name"));
  const query = sql`select pg_sleep(30)`.execute();
  const cancelled = code(query);
  setTimeout(() => query.cancel(), 300);
  say("cancel", await cancelled);
  await sql.end();
}

// More failures than the pool has connections.
async function failures() {
  let isBroken = true;
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = process.env;
  const credentials = () => {
    if (isBroken) throw new Error("expired");
    return { accessKeyId, secretAccessKey };
  };
  const sql = postgres({
    ...(await connectionOptions("prod", { credentials })),
    max: 2,
    backoff: 0.01,
  });
  const codes = new Set();
  for (let at = 0; at < 10; at += 1) codes.add(await code(sql`select 1`));
  say("failures", ...codes);
  isBroken = false;
  const [{ it }] = await sql`select current_user::text as it`;
  say("after", it);
  await sql.end();
}

await settings();
await failures();
