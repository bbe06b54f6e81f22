// Running out of descriptors hurts new logins only.
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { figuresOfStarvation, starve, starvationBroke } from "../support/descriptors.ts";

const skip = process.platform === "win32" && "there is no ulimit";

test(
  "proxy: out of descriptors open sessions go on, and new logins work once some are free",
  { skip },
  async (t) => {
    const starved = await starve();
    for (const line of figuresOfStarvation(starved)) t.diagnostic(line);
    assert.deepEqual(starvationBroke(starved), []);
  },
);
