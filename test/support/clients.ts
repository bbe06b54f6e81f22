// Clients that connect through an open proxy with what it printed, and with nothing else: the ready line, or the settings
// for a tool, read as that tool reads them. GUI tools are stood in for by the driver that they are made of.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { type Driver, DRIVERS } from "../drivers/drivers.ts";
import {
  type DriverTarget,
  gatewayOf,
  judgeSteps,
  type Outcome,
  TARGET_WORDS,
} from "../drivers/steps.ts";
import { type OpenProxy, openProxy } from "./open-proxy.ts";
import { run } from "./program.ts";

/** What a driver's script is started with. */
export type ClientEnvironment = Readonly<Record<string, string>>;

/** One client. */
export interface Client {
  readonly name: string;
  readonly driver: Driver;
  /** `prod` when absent. */
  readonly target?: DriverTarget | undefined;
  /** What is added to the words of `rdsiam proxy`. */
  readonly words: readonly string[];
  /** Reads what was printed. */
  readonly read: (proxy: OpenProxy) => Promise<ClientEnvironment>;
}

const READY_LINE = /^(postgres(?:ql)?:\/\/\S+)\n/m;

/** Files of the proxy. */
export interface ProxyFiles {
  readonly passwordFile: string;
  readonly tlsCert: string;
  readonly tlsKey: string;
}

/** Every client. */
export function clients({ passwordFile, tlsCert, tlsKey }: ProxyFiles): readonly Client[] {
  const stable = ["--password-file", passwordFile];
  const password = (): string => readFileSync(passwordFile, "utf8").trim();
  const config = (tool: string): readonly string[] => ["--print-config", tool];
  return [
    ...["node-postgres", "postgres-js", "psycopg", "pgx", "pgcli"].map((name) => ({
      name: `${name}, the ready line`,
      driver: driverNamed(name),
      words: [],
      read: readyLine,
    })),
    ...["node-postgres", "psycopg", "pgcli"].map((name) => ({
      name: `${name}, Aurora DSQL`,
      driver: driverNamed(name),
      target: "ledger" as const,
      words: [],
      read: readyLine,
    })),
    ...(["prod", "ledger"] as const).map((target) => ({
      name: `pgjdbc, --print-config jdbc${target === "ledger" ? ", Aurora DSQL" : ""}`,
      driver: driverNamed("pgjdbc"),
      target,
      words: config("jdbc"),
      read: async (proxy: OpenProxy) => ({ CLIENT_URL: await firstOf(proxy, /^(jdbc:\S+)\n/m) }),
    })),
    {
      name: "pgjdbc, --print-config jdbc, TLS",
      driver: driverNamed("pgjdbc"),
      words: [...config("jdbc"), "--tls-cert", tlsCert, "--tls-key", tlsKey, "--require-tls"],
      read: async (proxy) => ({
        CLIENT_URL: await firstOf(proxy, /^(jdbc:\S+sslmode=verify-full\S+)\n/m),
      }),
    },
    {
      name: "DBeaver (pgjdbc)",
      driver: driverNamed("pgjdbc"),
      words: [...config("dbeaver"), ...stable],
      read: async (proxy) => ({ ...(await dbeaverUrl(proxy)), CLIENT_PASSWORD: password() }),
    },
    {
      name: "DataGrip (pgjdbc)",
      driver: driverNamed("pgjdbc"),
      words: [...config("datagrip"), ...stable],
      read: async (proxy) => ({ ...(await datagripUrl(proxy)), CLIENT_PASSWORD: password() }),
    },
    {
      name: "pgAdmin (psycopg)",
      driver: driverNamed("psycopg"),
      words: [...config("pgadmin"), ...stable],
      read: pgadminConnection,
    },
    {
      name: "TablePlus (pgx)",
      driver: driverNamed("pgx"),
      words: config("tableplus"),
      // The name of the connection is TablePlus's own parameter.
      read: async (proxy) => ({
        CLIENT_URL: (await firstOf(proxy, READY_LINE)).replace(/\?name=.*$/, ""),
      }),
    },
  ];
}

/** Runs a client's script through a proxy of its target; `directory` is the one that its driver was prepared in. */
export async function tryClient(
  { driver, read, target = "prod", words }: Client,
  standIn: StandIn,
  directory: string,
): Promise<readonly Outcome[]> {
  await using proxy = openProxy([...words, ...TARGET_WORDS[target]], standIn.env);
  const gateway = gatewayOf(standIn, target);
  const cancels = gateway.cancels;
  const ran = await run(driver.command(directory), { env: await read(proxy) });
  return judgeSteps(ran, { target, cancelled: gateway.cancels > cancels });
}

/** The environment for a driver that takes the ready line's URI. */
async function readyLine(proxy: OpenProxy): Promise<ClientEnvironment> {
  return { CLIENT_URL: await firstOf(proxy, READY_LINE) };
}

async function firstOf(proxy: OpenProxy, pattern: RegExp): Promise<string> {
  const [, first = ""] = await proxy.printed(pattern);
  return first;
}

// What DBeaver makes of -con.
async function dbeaverUrl(proxy: OpenProxy): Promise<ClientEnvironment> {
  const specification = await firstOf(proxy, /^dbeaver -con '([^']+)'\n/m);
  const values = new Map(
    specification.split("|").map((pair) => pair.split("=") as [string, string]),
  );
  const url = `jdbc:postgresql://${values.get("host")}:${values.get("port")}/${values.get("database")}`;
  return { CLIENT_URL: url, CLIENT_USER: values.get("user") ?? "" };
}

async function datagripUrl(proxy: OpenProxy): Promise<ClientEnvironment> {
  const xml = await firstOf(proxy, /^#BEGIN#\n(.*)\n#END#\n/ms);
  const [, url = ""] = /<jdbc-url>([^<]*)</.exec(xml) ?? [];
  const [, user = ""] = /<user-name>([^<]*)</.exec(xml) ?? [];
  return { CLIENT_URL: url.replaceAll("&amp;", "&"), CLIENT_USER: user };
}

interface PgadminServer {
  readonly Host: string;
  readonly Port: number;
  readonly MaintenanceDB: string;
  readonly Username: string;
  readonly ConnectionParameters: Readonly<Record<string, string | number>>;
  readonly PasswordExecCommand: string;
}

// pgAdmin gives libpq these words, and the output of the command as the password.
async function pgadminConnection(proxy: OpenProxy): Promise<ClientEnvironment> {
  const { Servers } = JSON.parse(await firstOf(proxy, /^(\{\n.*\n\})\n/ms)) as {
    readonly Servers: Readonly<Record<string, PgadminServer>>;
  };
  const server = Servers["1"];
  if (server === undefined) throw new Error("no server");
  const words = {
    host: server.Host,
    port: server.Port,
    dbname: server.MaintenanceDB,
    user: server.Username,
    ...server.ConnectionParameters,
  };
  const output = execFileSync("sh", ["-c", server.PasswordExecCommand], { encoding: "utf8" });
  return {
    CLIENT_URL: Object.entries(words)
      .map(([name, value]) => `${name}='${value}'`)
      .join(" "),
    PGPASSWORD: output.trim(),
  };
}

function driverNamed(name: string): Driver {
  const driver = DRIVERS.find((one) => one.name === name);
  if (driver === undefined) throw new TypeError(`no driver ${name}`);
  return driver;
}
