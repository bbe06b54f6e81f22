// A process that hosts a stand-in, for the test that ends it: prints what must vanish, then waits.
import { existsSync } from "node:fs";
import process from "node:process";

import { startStandIn } from "../../src/demo/stand-in.ts";

async function host(): Promise<void> {
  const standIn = await startStandIn({ env: process.env, from: [process.cwd()] });
  const { directory, gateway, postgres } = standIn;
  // Ended in the middle of closing: what is left is the guard's to do.
  process.on("SIGUSR2", () => {
    void standIn[Symbol.asyncDispose]();
    setInterval(() => {
      if (existsSync(postgres.socketPath)) return;
      process.kill(process.pid, "SIGKILL");
    }, 1);
  });
  console.log(
    JSON.stringify({
      directories: [directory, postgres.directory],
      pid: postgres.pid,
      port: gateway.port,
    }),
  );
}

void host();
