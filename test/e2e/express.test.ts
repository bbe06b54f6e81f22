// Aurora's express configuration: its first connection resumes a paused cluster.
import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanEnvironment, COMMAND, without } from "../support/program.ts";
import { openTerminal } from "../support/pty.ts";
import { startStage } from "../support/stage.ts";

test(
  "rdsiam psql: the login waits for a paused cluster, and a line on the terminal says so",
  { skip: without("psql") },
  async () => {
    // Silence is worth a line after 3 s.
    await using standIn = await startStage({ resumeTime: 3_500 });
    const words = [...COMMAND, "psql", "prod", "-Atc", "select current_user"];
    await using terminal = openTerminal(words, cleanEnvironment(standIn.env));
    await terminal.shows(/orders\.cluster-\S+ accepted the connection and is silent/);
    await terminal.shows(/app_ro\r\n/);
    assert.equal((await terminal.exited).exitCode, 0);
    assert.equal(standIn.gateway.connections, 1);
  },
);
