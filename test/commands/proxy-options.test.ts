// The options of `rdsiam proxy` that belong together, and those that cannot be combined.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readProxyOptions } from "../../src/commands/proxy-options.ts";
import type { Options } from "../../src/cli/options.ts";

const TLS = { tlsCert: "c", tlsKey: "k" };

test("readProxyOptions() + without any listens on loopback with SCRAM", () => {
  assert.deepEqual(readProxyOptions({}, {}), {
    auth: undefined,
    matchUser: false,
    clientAuth: "scram-sha-256",
    host: undefined,
    socket: undefined,
    port: undefined,
    tls: undefined,
    passwordFile: undefined,
    idleTimeout: undefined,
    sessionTimeout: undefined,
    maxSessions: 100,
    maxUserSessions: undefined,
  });
  assert.equal(readProxyOptions({ ...TLS, listen: "::1" }, {}).maxSessions, 100);
  assert.equal(readProxyOptions({ ...TLS, listen: "0.0.0.0" }, {}).maxSessions, 1_000);
});

test("readProxyOptions() + beyond loopback and with a client CA, TLS is required", () => {
  const required = (options: Options): boolean | undefined =>
    readProxyOptions({ ...TLS, ...options }, {}).tls?.required;
  assert.equal(required({}), false);
  assert.equal(required({ listen: "127.0.0.2" }), false);
  assert.equal(required({ listen: "::1" }), false);
  assert.equal(required({ listen: "localhost" }), false);
  assert.equal(required({ requireTls: true }), true);
  assert.equal(required({ tlsClientCa: "ca" }), true);
  for (const listen of ["0.0.0.0", "::", "[::]", "10.0.0.7", "2001:db8::1", "::ffff:10.0.0.1"])
    assert.equal(required({ listen }), true, listen);
});

test("readProxyOptions() + refuses what would let unauthenticated clients in, and contradictions", () => {
  const refused: readonly (readonly [Options, RegExp])[] = [
    [{ listen: "0.0.0.0" }, /^listening on 0\.0\.0\.0 needs TLS$/],
    [{ listen: "10.0.0.7" }, /needs TLS/],
    [{ listen: "::" }, /needs TLS/],
    [{ listen: "192.168.127.1" }, /needs TLS/],
    [{ listen: "0.0.0.0", auth: "pass-through" }, /needs TLS/],
    [{ ...TLS, listen: "0.0.0.0", clientAuth: "trust" }, /whole network/],
    [{ listen: "db.example.com" }, /is not a valid address/],
    [{ listen: "127.0.0.1:6432" }, /is not a valid address/],
    [{ tlsCert: "c" }, /certificate and its key/],
    [{ tlsKey: "k" }, /certificate and its key/],
    [{ requireTls: true }, /certificate and its key/],
    [{ tlsClientCa: "ca" }, /certificate and its key/],
    [{ ...TLS, socket: "d" }, /cannot be combined/],
    [{ listen: "127.0.0.1", socket: "d" }, /cannot be combined/],
    [{ auth: "pass-through", passwordFile: "f" }, /no password of its own/],
    [{ auth: "pass-through", clientAuth: "trust" }, /no password of its own/],
    [{ auth: "pass-through", matchUser: true }, /--match-user cannot be combined/],
    [{ auth: "pass-through", passwordCommand: "pass db" }, /--password-command cannot be combined/],
    [
      { auth: "iam", passwordCommand: "pass db" },
      /--auth iam and --password-command cannot be combined/,
    ],
    [{ idleTimeout: "soon" }, /is not a valid duration/],
    [{ idleTimeout: "-1s" }, /is not a valid duration/],
    [{ idleTimeout: "25d" }, /is not a valid duration/],
    [{ maxConnections: "0" }, /is not a valid number of connections/],
    [{ sessionTimeout: "1w" }, /is not a valid duration/],
    [{ maxUserConnections: "1.5" }, /is not a valid number of connections/],
    [{ maxConnections: "many" }, /is not a valid number of connections/],
    [{ port: "65536" }, /is not a valid port/],
  ];
  for (const [options, message] of refused) {
    assert.throws(
      () => readProxyOptions(options, {}),
      (error: Error & { code?: string; hint?: string }) => {
        assert.equal(error.code, "ERR_USAGE");
        assert.match(error.message, message);
        assert.ok(error.hint !== undefined && error.hint.length > 0);
        return true;
      },
      JSON.stringify(options),
    );
  }
});

test("readProxyOptions() + every option has an environment variable", () => {
  const read = readProxyOptions(
    {},
    {
      RDSIAM_PORT: "6432",
      RDSIAM_LISTEN: "0.0.0.0",
      RDSIAM_TLS_CERT: "c",
      RDSIAM_TLS_KEY: "k",
      RDSIAM_TLS_CLIENT_CA: "ca",
      RDSIAM_PASSWORD_FILE: "f",
      RDSIAM_CLIENT_AUTH: "password",
      RDSIAM_IDLE_TIMEOUT: "30m",
      RDSIAM_SESSION_TIMEOUT: "8h",
      RDSIAM_MAX_CONNECTIONS: "7",
      RDSIAM_MAX_USER_CONNECTIONS: "3",
    },
  );
  assert.deepEqual(read, {
    auth: undefined,
    matchUser: false,
    clientAuth: "password",
    host: "0.0.0.0",
    socket: undefined,
    port: 6432,
    tls: { cert: "c", key: "k", clientCa: "ca", required: true },
    passwordFile: "f",
    idleTimeout: 1_800_000,
    sessionTimeout: 28_800_000,
    maxSessions: 7,
    maxUserSessions: 3,
  });
  assert.equal(readProxyOptions({}, { RDSIAM_AUTH: "pass-through" }).auth, "pass-through");
  assert.equal(readProxyOptions({}, { RDSIAM_SOCKET: "d" }).socket, "d");
  const tls = { RDSIAM_TLS_CERT: "c", RDSIAM_TLS_KEY: "k", RDSIAM_REQUIRE_TLS: "1" };
  assert.equal(readProxyOptions({}, tls).tls?.required, true);
});

test("readProxyOptions() + durations", () => {
  const read = (idleTimeout: string): number | undefined =>
    readProxyOptions({ idleTimeout }, {}).idleTimeout;
  assert.deepEqual(["90", "90s", "500ms", "2m", "8h", "1d", "0"].map(read), [
    90_000,
    90_000,
    500,
    120_000,
    28_800_000,
    86_400_000,
    undefined,
  ]);
});
