// A browser for $BROWSER: it opens a page and goes where it is sent, as one does in which the person has a session.
// `node sso-browser.mjs LOG ENDPOINT URL` appends a line of JSON for each page: the URL without its query, status and text.
// With an ENDPOINT the page is looked for there, whatever the host in its URL. Before it comes back to a login it attacks it, but
// with KIND_BROWSER, for the AWS CLI, whose login a wrong state ends.
import { appendFileSync } from "node:fs";
import process from "node:process";

const [log = "", endpoint = "", start = ""] = process.argv.slice(2);
const MOST = 5;

const { origin: named, pathname: path, search } = new URL(start);
let url = (endpoint || named) + path + search;
for (let hop = 0; hop < MOST && url !== ""; hop += 1) {
  const { origin, pathname } = new URL(url);
  const isKind = Boolean(process.env["KIND_BROWSER"]);
  if (pathname === "/oauth/callback" && !isKind) await attack(origin);
  const response = await fetch(url, { redirect: "manual" });
  const line = { url: origin + pathname, status: response.status, text: await response.text() };
  appendFileSync(log, `${JSON.stringify(line)}\n`);
  const location = response.headers.get("location");
  url = location === null ? "" : new URL(location, url).href;
}

// What is not refused ends the browser, and then the login does not end well.
async function attack(origin) {
  const guess = `${origin}/oauth/callback?code=stolen&state=guess`;
  const attacks = {
    [`${origin}/favicon.ico`]: "GET",
    [`${origin}/`]: "GET",
    [guess]: "GET",
    [guess.replace("code=stolen", "error=access_denied")]: "GET",
    [guess.replace("guess", "another guess")]: "POST",
    [guess.replace("127.0.0.1", "localhost")]: "GET",
  };
  for (const [target, method] of Object.entries(attacks)) {
    const { ok } = await fetch(target, { method }).catch(() => ({ ok: false }));
    if (ok) throw new Error(`not refused: ${target}`);
  }
}
