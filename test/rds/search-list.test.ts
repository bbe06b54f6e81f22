// The names that a typed one may stand for, as glibc has them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readSearchList, searchNames } from "../../src/rds/search-list.ts";

type Variables = Readonly<Record<string, string>>;

function names(typed: string, resolvConf: string, env: Variables = {}, hostname = "laptop") {
  return searchNames(typed, readSearchList(resolvConf, env, hostname));
}

const KUBERNETES =
  "search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n";

const CASES: readonly (readonly [string, string, readonly string[], Variables?, string?])[] = [
  ["orders", "search db.corp.example\n", ["orders.db.corp.example", "orders"]],
  ["Orders.", "search db.corp.example\n", ["orders"]],
  ["orders.db", "search corp.example\n", ["orders.db", "orders.db.corp.example"]],
  ["orders", "search a.example\tb.example\n", ["orders.a.example", "orders.b.example", "orders"]],
  // Of search and domain the last line applies; `domain` has one name.
  ["orders", "search a.example\ndomain B.example. c.example", ["orders.b.example", "orders"]],
  ["orders", "domain a.example\r\nsearch b.example\r\n", ["orders.b.example", "orders"]],
  [
    "orders",
    "# search a.example\n;search b.example\nsearch c.example # ours",
    ["orders.c.example", "orders.ours", "orders"],
  ],
  [
    "orders-db",
    KUBERNETES,
    [
      "orders-db.shop.svc.cluster.local",
      "orders-db.svc.cluster.local",
      "orders-db.cluster.local",
      "orders-db",
    ],
  ],
  [
    "orders.db.corp.example",
    KUBERNETES,
    [
      "orders.db.corp.example.shop.svc.cluster.local",
      "orders.db.corp.example.svc.cluster.local",
      "orders.db.corp.example.cluster.local",
      "orders.db.corp.example",
    ],
  ],
  ["a.b", "search x.example\noptions ndots:2 ndots:1", ["a.b", "a.b.x.example"]],
  ["a.b", "search x.example\noptions rotate ndots:2", ["a.b.x.example", "a.b"]],
  ["a.b", "search x.example", ["a.b.x.example", "a.b"], { RES_OPTIONS: "timeout:1 ndots:3" }],
  ["a", "search x.example\noptions ndots:0", ["a", "a.x.example"]],
  [
    "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p",
    "search x.example\noptions ndots:99",
    ["a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p", "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.x.example"],
  ],
  [
    "orders",
    "search x.example",
    ["orders.y.example", "orders.z.example", "orders"],
    { LOCALDOMAIN: "y.example z.example" },
  ],
  ["orders", "search x.example", ["orders"], { LOCALDOMAIN: "" }],
  ["orders", "search x.example .\n", ["orders.x.example", "orders"]],
  ["orders", "search . x.example\n", ["orders", "orders.x.example"]],
  ["orders", "search x.example\noptions no-tld-query", ["orders.x.example"]],
  ["orders", "options no-tld-query", ["orders"]],
  // The host's own domain, where nothing else is said.
  ["orders", "nameserver 10.0.0.2", ["orders.eu.example", "orders"], {}, "web-1.eu.example"],
  ["orders", "search x.example", ["orders.x.example", "orders"], {}, "web-1.eu.example"],
  ["orders", "", ["orders"]],
  // What DHCP says reaches terminals and files: never with other bytes than host names have.
  ["orders", "search x\u001b[31m.example a..b y.example", ["orders.y.example", "orders"]],
];

for (const [typed, text, expected, env, hostname] of CASES) {
  test(`searchNames() of ${typed} with ${JSON.stringify({ text, ...env, hostname })}`, () => {
    assert.deepEqual(names(typed, text, env, hostname), expected);
  });
}
