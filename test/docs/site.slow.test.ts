// npm run test:slow -- docs: the site of the guides, built; every link in it leads to a page and a heading; and in Chromium, where
// that is, at the width of a phone (light) and of a desk (dark): nothing for axe to say, and nothing wider than the window.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { $, which } from "zx";
import { listen } from "../../src/base/listen.ts";
import { documents, ROOT } from "./markdown.ts";

const SITE = join(ROOT, "build/site");
const MODULES = join(ROOT, "docs/node_modules");
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
// Contrast depends on the colors, width on the window: two pairs show both.
const VIEWS = [
  { name: "phone", width: 390, value: "light" },
  { name: "desk", width: 1280, value: "dark" },
];

interface Page {
  readonly setViewport: (size: object) => Promise<void>;
  readonly emulateMediaFeatures: (features: readonly object[]) => Promise<void>;
  readonly goto: (url: string, options: object) => Promise<unknown>;
  readonly addScriptTag: (script: object) => Promise<unknown>;
  readonly evaluate: <Result>(code: string) => Promise<Result>;
  readonly screenshot: (options: object) => Promise<unknown>;
}

interface Browser {
  readonly newPage: () => Promise<Page>;
  readonly close: () => Promise<void>;
}

interface Puppeteer {
  readonly launch: (options: object) => Promise<Browser>;
}

/** What axe reports. */
interface Audit {
  readonly violations: readonly string[];
  readonly passes: number;
  readonly wider: number;
}

const AUDIT = `axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"] }).then((result) => ({
  violations: result.violations.map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(" | ")),
  passes: result.passes.length,
  wider: document.documentElement.scrollWidth - innerWidth,
}))`;

let failure: string | undefined;
const server = createServer((request, response) => {
  const path = decodeURIComponent(new URL(request.url ?? "/", "http://site").pathname);
  const file = fileOf(path);
  if (file === undefined) return response.writeHead(404).end();
  return response.setHeader("content-type", TYPES[extname(file)] ?? "").end(readFileSync(file));
});
before(async () => {
  const built = await $({ cwd: ROOT, nothrow: true, quiet: true })`npm run --silent site`;
  if (built.exitCode !== 0) failure = built.stderr;
});
after(() => {
  server.close();
  server.closeAllConnections();
});

// A page has no ending in its address.
function fileOf(path: string): string | undefined {
  const candidates = [path === "/" ? "/index.html" : path, `${path}.html`];
  return candidates
    .map((name) => join(SITE, name))
    .find((file) => /\.\w+$/.test(file) && existsSync(file));
}

function pages(): string[] {
  return readdirSync(SITE).filter((name) => name.endsWith(".html") && name !== "404.html");
}

test("the site has a page for each guide, and every link in it leads to a page and a heading", () => {
  assert.equal(failure, undefined);
  for (const document of documents().slice(1)) {
    assert.ok(pages().includes(document.slice("docs/".length, -3) + ".html"), document);
  }
  let links = 0;
  for (const page of pages()) {
    const html = readFileSync(join(SITE, page), "utf8");
    for (const [, link = ""] of html.matchAll(/<a [^>]*?href="([^"]+)"/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      const url = new URL(
        link.replaceAll("&amp;", "&"),
        `http://site/${page === "index.html" ? "" : page.slice(0, -5)}`,
      );
      const file = fileOf(url.pathname);
      assert.ok(file !== undefined, `${page}: ${link}`);
      const anchor = decodeURIComponent(url.hash.slice(1));
      const isThere = anchor === "" || readFileSync(file, "utf8").includes(`id="${anchor}"`);
      assert.ok(isThere, `${page}: ${link}`);
      links += 1;
    }
  }
  assert.ok(links > 500, String(links));
});

test("axe finds nothing, and no page is wider than its window", async (t) => {
  assert.equal(failure, undefined);
  const chromium = await which("chromium", { nothrow: true });
  if (chromium === null) return t.skip("chromium is not on this machine");
  const port = await listen(server, { host: "127.0.0.1", port: 0 });
  const entry = join(MODULES, "puppeteer-core/lib/esm/puppeteer/puppeteer-core.js");
  const { default: puppeteer }: { default: Puppeteer } = await import(pathToFileURL(entry).href);
  const browser = await puppeteer.launch({
    executablePath: chromium,
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  const problems: string[] = [];
  let passes = 0;
  try {
    const page = await browser.newPage();
    for (const { name, width, value } of VIEWS) {
      await page.setViewport({ width, height: 900 });
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value }]);
      for (const file of pages()) {
        const path = file === "index.html" ? "" : file.slice(0, -5);
        await page.goto(`http://127.0.0.1:${port}/${path}`, { waitUntil: "load" });
        await page.addScriptTag({ path: join(MODULES, "axe-core/axe.min.js") });
        const audit = await page.evaluate<Audit>(AUDIT);
        passes += audit.passes;
        const wide = audit.wider > 0 ? [`${audit.wider} px wider than the window`] : [];
        for (const each of [...audit.violations, ...wide]) {
          problems.push(`${path} (${name}, ${value}): ${each}`);
        }
        if (path !== "" && path !== "troubleshooting") continue;
        await page.screenshot({ path: join(ROOT, `build/site-${path || "index"}-${name}.png`) });
      }
    }
  } finally {
    await browser.close();
  }
  assert.deepEqual(problems, []);
  t.diagnostic(`${passes} rules of axe passed on ${pages().length} pages, twice each`);
});
