// A process that hosts a stand-in, for the test that ends it: prints what must vanish, then waits.
import process from "node:process";

import { startStandIn } from "../../src/demo/stand-in.ts";

async function host(): Promise<void> {
  const standIn = await startStandIn({ env: process.env, from: [process.cwd()] });
  const { directory, gateway, postgres } = standIn;
  console.log(
    JSON.stringify({
      directories: [directory, postgres.directory],
      pid: postgres.pid,
      port: gateway.port,
    }),
  );
}

void host();
