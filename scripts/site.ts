// npm run site: the guides as a site in build/site, with SECURITY.md and the files that they link to. VitePress and what it needs are
// pinned in docs/package.json, and installed when first needed. VitePress itself fails where a link leads nowhere.

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { $ } from "zx";

const ROOT = resolve(import.meta.dirname, "..");
const DOCS = join(ROOT, "docs");
const PAGES = join(DOCS, ".vitepress/pages");

function writePages(): void {
  rmSync(PAGES, { recursive: true, force: true });
  mkdirSync(join(PAGES, "public"), { recursive: true });
  const names = readdirSync(DOCS);
  for (const name of names.filter((each) => each.endsWith(".svg"))) {
    cpSync(join(DOCS, name), join(PAGES, name));
  }
  for (const name of names.filter((each) => each.endsWith(".md"))) {
    const text = readFileSync(join(DOCS, name), "utf8");
    writeFileSync(join(PAGES, name), text.replaceAll(/\]\(\.\.\/([^)#]+)/g, moved));
  }
  const security = readFileSync(join(ROOT, "SECURITY.md"), "utf8");
  writeFileSync(join(PAGES, "security.md"), security.replaceAll("](docs/", "]("));
}

// A link out of docs/: SECURITY.md is a page, every other file lies beside the pages.
function moved(_link: string, path: string): string {
  if (path === "SECURITY.md") return "](security.md";
  const file = join(PAGES, "public", path);
  mkdirSync(dirname(file), { recursive: true });
  cpSync(join(ROOT, path), file);
  return `](/${path}`;
}

async function main(): Promise<void> {
  const installed = readdirSync(DOCS).includes("node_modules");
  const npm = $({ stdio: "inherit", cwd: DOCS });
  if (!installed) await npm`npm ci --ignore-scripts --no-engine-strict --no-audit --no-fund`;
  writePages();
  await npm`node_modules/.bin/vitepress build .`;
  process.stdout.write(`${join("build", "site")}\n`);
}

void main();
