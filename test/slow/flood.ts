// npm run test:slow -- flood [RUNTIME...]: 10,000 silent sockets against an open session and new logins, then the same proxy
// without descriptors; under a minute for each runtime.
import { figuresOfStarvation, starve, starvationBroke } from "../support/descriptors.ts";
import { flood } from "../support/flood.ts";
import { brokenBounds, figures } from "../support/flood-report.ts";
import { underEachRuntime } from "./subjects.ts";

const OPTIONS = { sockets: 10_000, batch: 200, loginTimeout: 10_000, quiet: 3_000 };

void underEachRuntime(async (program, name) => {
  const options = { ...OPTIONS, program };
  const flooded = await flood(options);
  const starved = await starve(program);
  const deno = name === "deno";
  return {
    figures: [...figures(flooded), ...figuresOfStarvation(starved)],
    broken: [...brokenBounds(flooded, options, { lossy: deno }), ...starvationBroke(starved, deno)],
  };
});
