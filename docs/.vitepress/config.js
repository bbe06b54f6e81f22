// The site of the guides. scripts/site.ts puts its pages into pages/ and builds it; the menu is the lists of docs/index.md.
// SITE_BASE is the path below which it is published, such as /rdsiam/.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { defineConfig } from "vitepress";

const PAGES = join(import.meta.dirname, "pages");

// oxlint-disable-next-line import/no-default-export -- VitePress asks for it
export default defineConfig({
  title: "rdsiam",
  description: "PostgreSQL tools on Amazon RDS, Aurora, DSQL and Redshift with IAM authentication",
  lang: "en-US",
  base: process.env.SITE_BASE ?? "/",
  srcDir: PAGES,
  outDir: join(import.meta.dirname, "../../build/site"),
  cacheDir: join(import.meta.dirname, "../../build/site-cache"),
  cleanUrls: true,
  metaChunk: true,
  // Light and dark with 4.5:1 and more on the ground of a block.
  markdown: {
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    anchor: { slugify: githubAnchor },
    languageAlias: { console: "shellsession" },
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    sidebar: sidebar(readFileSync(join(PAGES, "index.md"), "utf8")),
    docFooter: { prev: false, next: false },
  },
});

// The same anchors as on GitHub, so that a link holds in both.
function githubAnchor(heading) {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

// Each heading is a group, each item of its list a page.
function sidebar(index) {
  const groups = index.matchAll(/^## (.+)\n\n((?:- .*\n)+)/gm);
  return [...groups].map(([, text, list]) => ({
    text,
    items: [...list.matchAll(/^- \[(.+?)\]\((.+?)\.md\)/gm)].map(([, name, page]) => ({
      text: name,
      link: `/${page}`,
    })),
  }));
}
