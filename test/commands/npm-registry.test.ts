import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { createLog } from "../../src/base/log.ts";
import { fetchPackage } from "../../src/commands/npm-registry.ts";
import { temporaryDirectory } from "../support/keep.ts";

const WANTED = { name: "@team/server", version: "1.2.3" };

let home = "";
let asked: string[] = [];
let answer: (path: string, response: ServerResponse) => void = () => {};

function take(
  { headers, method, url: path = "" }: IncomingMessage,
  response: ServerResponse,
): void {
  asked.push([headers.host, method, path, headers.authorization].join(" ").trim());
  answer(path, response);
}
const servers = [createServer(take), createServer(take)];

for (const server of servers) await once(server.listen(0, "127.0.0.1"), "listening");
const [url = "", cdn = ""] = servers.map(
  (server) => `127.0.0.1:${(server.address() as AddressInfo).port}`,
);
after(() => servers.map((server) => server.close()));
beforeEach(async () => {
  home = await temporaryDirectory("npm");
  asked = [];
  answer = (path, response) => {
    if (path.startsWith("/npm/@")) response.end(metadata(`http://${url}/npm/server.tgz?x=a%2Fb`));
    if (path.endsWith("server.tgz?x=a%2Fb")) response.end("the tarball");
  };
});

function metadata(tarball: string, version = WANTED.version): string {
  return JSON.stringify({ versions: { [version]: { dist: { tarball } } } });
}

let written = "";
async function fetched(env: Readonly<Record<string, string>> = {}): Promise<string> {
  written = "";
  const write = (text: string): void => void (written += text);
  const log = createLog({ write, verbose: true, notices: true });
  const { signal } = new AbortController();
  return (await fetchPackage(WANTED, { env, home, log, signal })).toString();
}

const page = (): string => `${url} GET /npm/@team%2fserver`;
const tarball = (): string => `${url} GET /npm/server.tgz?x=a%2Fb`;

test("fetchPackage() asks the registry of the environment, else that of .npmrc; the scope's own wins", async () => {
  answer = (path, response) =>
    response.end(path.endsWith("tgz") ? "it" : metadata(`http://${url}/npm/server.tgz`));
  const npmrc = join(home, ".npmrc");
  const cases: readonly [string, Readonly<Record<string, string>>][] = [
    ["", { npm_config_registry: `http://${url}/npm` }],
    ["registry=http://127.0.0.1:1/", { NPM_CONFIG_REGISTRY: `http://${url}/npm/` }],
    [`; a comment\n# another = 1\n registry = "http://\${HERE}/npm/"\r\n`, { HERE: url }],
    [`registry=http://127.0.0.1:1/\n@team:registry=http://${url}/npm/\n`, {}],
    ["registry=http://127.0.0.1:1/", { npm_config_userconfig: join(home, "other") }],
  ];
  await writeFile(join(home, "other"), `registry=http://${url}/npm\n`);
  for (const [text, env] of cases) {
    asked = [];
    await writeFile(npmrc, text);
    assert.equal(await fetched(env), "it");
    assert.deepEqual(asked, [page(), `${url} GET /npm/server.tgz`]);
  }
});

test("fetchPackage() logs in where .npmrc has a token for the host and path, and nowhere else", async () => {
  await writeFile(
    join(home, ".npmrc"),
    `registry=http://${url}/npm/\n//${url}/npm/:_authToken=\${NPM_TOKEN}\n`,
  );
  answer = (path, response) => {
    if (path.startsWith("/npm/@")) response.end(metadata(`http://${url}/npm/server.tgz`));
    else if (path === "/npm/server.tgz") {
      response.writeHead(302, { location: `http://${cdn}/signed?key=1` }).end();
    } else response.end("the tarball");
  };
  assert.equal(await fetched({ NPM_TOKEN: "s3cret-token" }), "the tarball");
  assert.deepEqual(asked, [
    `${page()} Bearer s3cret-token`,
    `${url} GET /npm/server.tgz Bearer s3cret-token`,
    `${cdn} GET /signed?key=1`,
  ]);
  assert.doesNotMatch(written, /s3cret/);
});

test("fetchPackage() takes the tarball from the mirror, where that passes on npm's own page", async () => {
  answer = (path, response) =>
    response.end(
      path.endsWith("%2fserver")
        ? metadata("https://registry.npmjs.org/@team/server/-/server-1.2.3.tgz")
        : path,
    );
  assert.equal(
    await fetched({ npm_config_registry: `http://${url}/npm/` }),
    "/npm/@team/server/-/server-1.2.3.tgz",
  );
});

test("fetchPackage() keeps the query of the tarball's URL", async () => {
  assert.equal(await fetched({ npm_config_registry: `http://${url}/npm/` }), "the tarball");
  assert.deepEqual(asked, [page(), tarball()]);
});

const FAILURES: readonly [string, (response: ServerResponse) => void, RegExp][] = [
  ["has no such version", (to) => to.end(metadata("http://127.0.0.1:1/", "9.9.9")), /has no @team/],
  ["answers with a page", (to) => to.end("<html>log in</html>"), /has no @team\/server 1\.2\.3/],
  ["names no URL", (to) => to.end(metadata("server.tgz")), /has no @team\/server 1\.2\.3/],
  ["answers with an error", (to) => to.writeHead(404).end("{}"), /cannot fetch .*: status 404$/],
  [
    "cuts its answer",
    (to) => to.writeHead(200, { "content-length": 99 }).write("{", () => to.destroy()),
    /cannot fetch/,
  ],
  ["hangs up", (to) => void to.destroy(), /cannot fetch .*: the connection was cut$/],
  [
    "leads in a circle",
    (to) => to.writeHead(302, { location: "/npm/@team%2fserver" }).end(),
    /too many redirects/,
  ],
  [
    "is not there",
    (to) => to.end(metadata("http://127.0.0.1:1/server.tgz")),
    /connection was refused/,
  ],
];
for (const [what, respond, message] of FAILURES) {
  test(`fetchPackage() fails where the registry ${what}`, async () => {
    answer = (_path, response) => respond(response);
    await assert.rejects(fetched({ npm_config_registry: `http://${url}/npm/` }), { message });
  });
}

test("fetchPackage() refuses a registry that is not a URL, and settings that cannot be read", async () => {
  for (const text of ["npm.example.com", "file:///etc"])
    await assert.rejects(fetched({ npm_config_registry: text }), /is not a valid URL/);
  await assert.rejects(
    fetched({ npm_config_userconfig: home }),
    /cannot read npm's settings.*EISDIR/,
  );
});

test("fetchPackage() goes through the proxy of the environment", async () => {
  answer = (path, response) =>
    response.end(path.endsWith("tgz") ? "it" : metadata("http://npm.example.com/server.tgz"));
  const env = { npm_config_registry: "http://npm.example.com/npm", http_proxy: `http://${cdn}` };
  assert.equal(await fetched(env), "it");
  assert.deepEqual(asked, [
    "npm.example.com GET http://npm.example.com/npm/@team%2fserver",
    "npm.example.com GET http://npm.example.com/server.tgz",
  ]);
});

test("fetchPackage() ends when its signal does, while the answer comes", async () => {
  const stop = new AbortController();
  answer = (_path, response) =>
    void response.write("{", () => stop.abort(new Error("ended by SIGINT")));
  const log = createLog({ write: () => {}, verbose: false, notices: false });
  const env = { npm_config_registry: `http://${url}/npm` };
  const fetching = fetchPackage(WANTED, { env, home, log, signal: stop.signal });
  await assert.rejects(fetching, /ended by SIGINT/);
});
