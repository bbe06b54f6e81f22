// What strangers cause is said some times a second.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Throttle } from "../../src/base/throttle.ts";

test("Throttle + lets 20 a second through and counts the rest", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const dropped = mock.fn();
  const throttle = new Throttle(dropped);
  const taken = Array.from({ length: 100 }, () => throttle.take());
  assert.equal(taken.filter(Boolean).length, 20);
  assert.equal(dropped.mock.callCount(), 0);
  t.mock.timers.tick(1_000);
  assert.deepEqual(dropped.mock.calls[0]?.arguments, [80]);
  assert.equal(throttle.take(), true);
  t.mock.timers.tick(1_000);
  assert.equal(dropped.mock.callCount(), 1);
});
