// What is printed for each tool, read back as the tool would read it, and what a tool can verify the proxy's certificate with.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { configText, type ToolSettings, toolSettings } from "../../src/commands/print-config.ts";
import { readArguments } from "../../src/cli/arguments.ts";
import { COMMANDS } from "../../src/commands/command-table.ts";
import { readProxyOptions } from "../../src/commands/proxy-options.ts";
import { type ReadyProxy, readyProxy } from "../../src/commands/proxy-ready.ts";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { temporaryDirectory } from "../support/keep.ts";

const TOOLS = ["dbeaver", "datagrip", "pgadmin", "tableplus", "jdbc", "docker"];
const FILE = "/home/me/.config/rdsiam/password";
const PLACE: ToolSettings = {
  target: "orders",
  host: "127.0.0.1",
  port: 15_432,
  user: "app_ro",
  dbname: "orders",
  password: { file: FILE },
  sslmode: "disable",
};
const OWN_SECRET: ToolSettings = { ...PLACE, password: { text: "s3cr3t-of-this-run" } };

function text(tool: string, ...places: readonly ToolSettings[]): string {
  return configText(tool, places);
}

function lineAfter(tool: string, place: ToolSettings, start: string): string {
  return (
    text(tool, place)
      .split("\n")
      .find((line) => line.startsWith(start)) ?? ""
  );
}

for (const tool of TOOLS) {
  test(`configText() names host, port, user and database for ${tool}`, () => {
    for (const word of ["127.0.0.1", "15432", "app_ro", "orders"])
      assert.ok(text(tool, PLACE).includes(word), word);
  });

  test(`configText() says where the password comes from for ${tool}`, () => {
    assert.ok(text(tool, PLACE).includes(FILE));
    assert.ok(text(tool, OWN_SECRET).includes("s3cr3t-of-this-run"));
    const open = text(tool, { ...PLACE, password: "none" });
    assert.doesNotMatch(open, /PGPASSWORD|password=|the content of/);
  });

  test(`configText() has a part for each proxy for ${tool}`, () => {
    const both = text(tool, PLACE, { ...PLACE, target: "users", port: 15_433 });
    assert.ok(both.includes("15432") && both.includes("15433") && both.includes("users"));
  });

  test(`configText() asks for verified TLS where the proxy has TLS, for ${tool}`, () => {
    const tls = { sslmode: "verify-full", sslrootcert: "/etc/rdsiam/ca.pem" } as const;
    const shown = text(tool, { ...PLACE, host: "10.0.0.5", ...tls });
    assert.match(shown, /verify-full/);
    assert.ok(shown.includes("/etc/rdsiam/ca.pem") || shown.includes("%2Fetc%2Frdsiam%2Fca.pem"));
    assert.doesNotMatch(shown, /disable/);
  });
}

test("configText() prints a servers.json that has no password in it, for pgadmin", () => {
  const read = (place: ToolSettings): unknown => {
    const shown = text("pgadmin", place);
    return JSON.parse(shown.slice(shown.indexOf("{"))) as unknown;
  };
  const server = {
    Name: "rdsiam orders",
    Group: "rdsiam",
    Host: "127.0.0.1",
    Port: 15_432,
    MaintenanceDB: "orders",
    Username: "app_ro",
    ConnectionParameters: { connect_timeout: 30, sslmode: "disable" },
  };
  assert.deepEqual(read(OWN_SECRET), { Servers: { 1: server } });
  const asked = { ...server, PasswordExecCommand: `cat ${FILE}` };
  assert.deepEqual(read(PLACE), { Servers: { 1: asked } });
});

test("configText() prints a data source that stays the same, for datagrip", () => {
  const shown = text("datagrip", PLACE);
  const [, xml = ""] = /#BEGIN#\n(.*)\n#END#/s.exec(shown) ?? [];
  assert.match(xml, /<jdbc-url>jdbc:postgresql:\/\/127.0.0.1:15432\/orders\?sslmode=disable</);
  assert.match(xml, /uuid="[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}"/);
  assert.equal(text("datagrip", PLACE), shown);
  assert.notEqual(text("datagrip", { ...PLACE, target: "users" }), shown);
  const odd = text("datagrip", { ...PLACE, target: `a&b<c>"d"`, user: "x<y" });
  assert.match(odd, /name="rdsiam a&amp;b&lt;c&gt;&quot;d&quot;"/);
  assert.match(odd, /<user-name>x&lt;y<\/user-name>/);
});

test("configText() prints URLs that say what was meant, whatever the names", () => {
  // The reader of this test takes "." and ".." for directories.
  const name = fc.string({ minLength: 1, unit: "grapheme" }).filter((one) => !/^\.\.?$/.test(one));
  fc.assert(
    fc.property(name, name, name, (user, dbname, secret) => {
      const place = { ...PLACE, user, dbname, password: { text: secret } };
      const jdbc = new URL(lineAfter("jdbc", place, "jdbc:").slice("jdbc:".length));
      assert.equal(decodeURIComponent(jdbc.pathname), `/${dbname}`);
      assert.equal(jdbc.searchParams.get("user"), user);
      assert.equal(jdbc.searchParams.get("password"), secret);
      const url = new URL(lineAfter("tableplus", place, "postgresql:"));
      const parts = [url.username, url.password, url.pathname.slice(1)].map(decodeURIComponent);
      assert.deepEqual(parts, [user, secret, dbname]);
      assert.equal(url.searchParams.get("name"), "rdsiam orders");
    }),
  );
});

test("configText() prints shell words that a shell reads back, whatever the names", () => {
  const unit = fc.oneof(
    fc.constantFrom("'", '"', "$", "`", "\\", " ", "!", "*", "\n"),
    fc.string(),
  );
  const name = fc
    .string({ minLength: 1, maxLength: 8, unit })
    .filter((one) => one !== "" && !one.includes("\0"));
  fc.assert(
    fc.property(name, name, (user, secret) => {
      const place = { ...PLACE, user, password: { text: secret } };
      const script = text("docker", place).split("\n\nDocker Desktop")[0]?.split(":\n")[1] ?? "";
      const shell = `docker() { printf '%s\\0' "$PGPASSWORD" "$@"; }\n${script}`;
      const words = execFileSync("sh", ["-c", shell], { encoding: "utf8" }).split("\0");
      assert.equal(words[0], secret);
      const docker = "run --rm -it --network host -e PGPASSWORD postgres psql";
      assert.equal(words.slice(1, -2).join(" "), docker);
      assert.equal(decodeURIComponent(new URL(words.at(-2) ?? "").username), user);
    }),
    { numRuns: 25 },
  );
});

test("configText() mounts the directory of a unix socket, for docker", () => {
  const shown = text("docker", { ...PLACE, host: "/run/user/1000/rdsiam" });
  assert.match(
    shown,
    / --user "\$\(id -u\)" -v \/run\/user\/1000\/rdsiam:\/run\/user\/1000\/rdsiam /,
  );
  assert.doesNotMatch(shown, /--network/);
});

const READY: ReadyProxy = {
  target: "orders",
  host: "10.0.0.5",
  port: 15_432,
  user: "app_ro",
  dbname: "orders",
  password: "none",
  certificate: undefined,
};

const directory = await temporaryDirectory("config");
const file = join(directory, "cert.pem");

async function tlsWith(...certificates: readonly { readonly cert: string }[]): Promise<unknown> {
  await writeFile(file, certificates.map(({ cert }) => cert).join("\n"));
  const { sslmode, sslrootcert } = await toolSettings({ ...READY, certificate: file });
  return [sslmode, sslrootcert];
}

test("toolSettings() lets a certificate that signed itself verify itself, and the address if it has it", async () => {
  const named = await makeLeaf({ subject: "CN=proxy", names: ["10.0.0.5", "proxy.example.com"] });
  assert.deepEqual(await tlsWith(named), ["verify-full", file]);
  const other = await makeLeaf({ subject: "CN=proxy", names: ["10.0.0.50"] });
  assert.deepEqual(await tlsWith(other), ["verify-ca", file]);
});

test("toolSettings() finds the root certificate at the end of a chain, and invents none", async () => {
  const issuer = await makeAuthority({ subject: "CN=root" });
  const leaf = await makeLeaf({ subject: "CN=proxy", names: ["10.0.0.5"], issuer });
  assert.deepEqual(await tlsWith(leaf, issuer), ["verify-full", file]);
  assert.deepEqual(await tlsWith(leaf), ["require", undefined]);
});

test("toolSettings() of a proxy without TLS asks for none", async () => {
  assert.equal((await toolSettings(READY)).sslmode, "disable");
});

test("readyProxy() tells a proxy without a password from one that passes the login through", () => {
  const proxy = { host: "0.0.0.0", port: 15_432, secret: "s3cr3t", socketPath: undefined };
  const login = { settings: { label: "orders" }, user: "app_ro", dbname: "orders" };
  const passwordOf = (args: readonly string[]) => {
    const { options } = readArguments(["proxy", ...args], COMMANDS);
    return readyProxy({ login, proxy }, readProxyOptions(options, {})).password;
  };
  assert.deepEqual(passwordOf([]), { text: "s3cr3t" });
  assert.equal(passwordOf(["--client-auth", "trust"]), "none");
  assert.equal(passwordOf(["--auth", "pass-through"]), "database");
});
