// A browser for $BROWSER: it opens a page and goes where it is sent, as one does in which the person has a session.
// `node sso-browser.mjs LOG URL` appends a line of JSON for each page: the URL without its query, status and text.
import { appendFileSync } from "node:fs";
import process from "node:process";

const [log = "", start = ""] = process.argv.slice(2);
const MOST = 5;

let url = start;
for (let hop = 0; hop < MOST && url !== ""; hop += 1) {
  const response = await fetch(url, { redirect: "manual" });
  const { origin, pathname } = new URL(url);
  const line = { url: origin + pathname, status: response.status, text: await response.text() };
  appendFileSync(log, `${JSON.stringify(line)}\n`);
  const location = response.headers.get("location");
  url = location === null ? "" : new URL(location, url).href;
}
