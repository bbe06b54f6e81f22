// A short slice of `npm run test:slow -- relay`: bad requests, and the end of one of several replicas.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sendBadRequests } from "../support/hostile.ts";
import { floodRelay } from "../support/relay-flood.ts";
import {
  floodBroke,
  floodFigures,
  hostileBroke,
  hostileFigures,
  replicasBroke,
  replicasFigures,
} from "../support/relay-report.ts";
import { endOneReplica, lackingForReplicas } from "../support/replicas.ts";

test("bad requests leave neither memory nor descriptors behind", async () => {
  const result = await sendBadRequests(270, 90);
  assert.deepEqual(hostileBroke(result), [], hostileFigures(result));
});

test("no good login fails beside bad connections of every kind", async () => {
  const result = await floodRelay(250, 20);
  assert.deepEqual(floodBroke(result), [], floodFigures(result));
});

test(
  "the end of one replica is the end of its own sessions alone",
  { skip: lackingForReplicas() },
  async () => {
    const result = await endOneReplica(2, 30);
    assert.deepEqual(replicasBroke(result, 20), [], replicasFigures(result));
  },
);
