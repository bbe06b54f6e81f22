// Every hostile variable with this machine's psql, of which exec.test.ts has a few; `npm run test:slow -- env` has every libpq.
import { test } from "node:test";
import { psqlIn, ROWS } from "../support/hostile-environment.ts";
import { without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";

test(
  "rdsiam psql: no hostile variable of the shell changes anything",
  { skip: without("psql") },
  async () => {
    await using standIn = await startStage();
    await psqlIn(standIn, ROWS);
  },
);
