// npm run test:slow -- docs: the MCP servers of docs/ai-clients.md, from npm, started as an AI client starts them: by the guide's own JSON.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { $ } from "zx";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { cleanEnvironment, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { blocksOf } from "./markdown.ts";
import { makeScene } from "./run-blocks.ts";

// Each `npx -y PACKAGE` of the guide finds these beside it.
const PACKAGES = ["@bytebase/dbhub@1.4.0", "@modelcontextprotocol/server-postgres@0.6.2"];

interface Answer {
  readonly id?: number;
  readonly result?: {
    readonly tools?: readonly { readonly name: string }[];
    readonly content?: readonly { readonly text: string }[];
    readonly isError?: boolean;
  };
  readonly error?: { readonly message: string };
}

interface Configuration {
  readonly mcpServers: Readonly<
    Record<string, { readonly command: string; readonly args: readonly string[] }>
  >;
}

let standIn: StandIn;
let directory = "";
let missing: string | false = without("psql", "npm");
before(async () => {
  standIn = await startStage();
  directory = await mkdtemp(join(tmpdir(), "rdsiam-mcp-"));
  if (missing !== false) return;
  const options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-engine-strict"];
  const npm = await $({
    nothrow: true,
    quiet: true,
  })`npm install --prefix ${directory} ${options} ${PACKAGES}`;
  if (npm.exitCode !== 0) missing = `npm cannot install them: ${npm.stderr.split("\n")[0]}`;
});
after(async () => {
  await standIn[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

for (const block of blocksOf("docs/ai-clients.md").filter(({ language }) => language === "json")) {
  const { mcpServers }: Configuration = JSON.parse(block.text);
  const { command = "", args = [] } = mcpServers["orders"] ?? {};
  test(`${block.document}:${block.line} ${args.at(args.indexOf("-y") + 1)}`, async (t) => {
    if (missing !== false) return t.skip(missing);
    const scene = await makeScene(standIn);
    // The user that may write, so that nothing but --read-only refuses it.
    const words = args.map((word) => (word === "prod" ? "admin" : word));
    const env = cleanEnvironment({ ...scene.env, npm_config_offline: "true" });
    const server = spawn(command, words, { cwd: directory, env, stdio: ["pipe", "pipe", "pipe"] });
    let logged = "";
    server.stderr.setEncoding("utf8").on("data", (text: string) => {
      logged += text;
    });
    const ask = talkTo(server);
    try {
      await ask("initialize", {
        protocolVersion: "2025-06-18",
        capabilities: {},
        clientInfo: { name: "rdsiam", version: "0" },
      });
      const listed = await ask("tools/list", {});
      const name = listed.result?.tools?.find((tool) => /query|execute_sql/.test(tool.name))?.name;
      const query = async (sql: string): Promise<string> => {
        const { result, error } = await ask("tools/call", { name, arguments: { sql } });
        return error?.message ?? result?.content?.map(({ text }) => text).join("") ?? "";
      };
      const rows = await query("select current_user, count(*) as n from orders");
      assert.match(rows, /app_admin/);
      assert.match(rows, /200/);
      assert.match(await query("delete from orders"), /in a read-only transaction/);
      assert.doesNotMatch(logged, /rdsiam: (?:error|warning)/);
    } finally {
      server.kill("SIGTERM");
      if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
    }
  });
}

// JSON-RPC, one message a line: https://modelcontextprotocol.io/specification/2025-06-18/basic/transports#stdio
function talkTo(server: ChildProcess): (method: string, params: object) => Promise<Answer> {
  const { stdin, stdout } = server;
  assert.ok(stdin !== null && stdout !== null);
  const waiting = new Map<number, (answer: Answer) => void>();
  createInterface({ input: stdout }).on("line", (line) => {
    const answer: Answer = JSON.parse(line);
    waiting.get(answer.id ?? -1)?.(answer);
  });
  let last = 0;
  return (method, params) => {
    last += 1;
    const id = last;
    stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
    return new Promise((resolved, rejected) => {
      waiting.set(id, (answer) => {
        if (method === "initialize") {
          stdin.write(`{"jsonrpc":"2.0","method":"notifications/initialized"}\n`);
        }
        resolved(answer);
      });
      server.once("exit", (code) =>
        rejected(new Error(`${method}: the server ended with ${code}`)),
      );
    });
  };
}
