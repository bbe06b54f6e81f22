// pg_dump, pg_dump -j and COPY through rdsiam and Systems Manager, compared with what is in the database.
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { COMMAND, type Finished, run } from "./program.ts";
import type { SsmPrograms, SsmService } from "./ssm-agent.ts";

const ROW = 1_000; // bytes
const TABLES = 8;
const VIA = ["--via", "ssm://i-0123456789abcdef0"];

/** Who carries the connections: rdsiam itself, or AWS's plugin. */
type Carrier = "rdsiam" | "plugin";

/** What a run took. */
interface Taken {
  readonly seconds: number;
  /** Seconds of processor time of rdsiam, the tool, and the plugin. */
  readonly cpu: number;
}

/** What a parallel dump took: the whole, and the part in which it copies tables. */
interface TakenInParallel extends Taken {
  readonly data: number;
}

// bash tells what a command and its children took on its own standard error, behind all else.
const TIMED = `set -o pipefail; TIMEFORMAT='cpu %U %S'; timed() { time "$@"; };`;

/** Tables in the stand-in for RDS, and what is dumped of them or loaded into them. */
export class SsmDatabase {
  readonly #standIn: StandIn;
  readonly #rows: number;
  readonly #env: Readonly<Record<Carrier, Readonly<Record<string, string>>>>;

  constructor(standIn: StandIn, megabytes: number, reached: SsmReached) {
    this.#standIn = standIn;
    this.#rows = (megabytes * 1_000_000) / ROW;
    this.#env = environments(standIn, reached);
  }

  /** Makes the tables, of the same size, and an empty one. */
  async fill(): Promise<void> {
    for (const table of tableNames()) {
      await this.#query(`create table ${table} as select n, repeat(md5((n + ${this.#rows} * hashtext('${table}')::bigint)::text), 31)
        as filling from generate_series(1, ${Math.round(this.#rows / TABLES)}) n; grant select on ${table} to app_admin`);
    }
    await this.#query(
      "create table ssm_up (n bigint, filling text); grant insert, select on ssm_up to app_admin",
    );
  }

  /** pg_dump of all tables on one connection. */
  async dump(carrier: Carrier): Promise<Taken> {
    const script = `timed "$@" | grep -aE '^[0-9]+\t' | sha256sum`;
    const words = ["pg_dump", "--data-only", "--table", "ssm_table_*"];
    const { stdout, taken } = await this.#through(carrier, script, words);
    const all = tableNames()
      .map((table) => `select * from ${table}`)
      .join(" union all ");
    same(stdout.slice(0, 64), await this.#digest(all), "pg_dump");
    return taken;
  }

  /** pg_dump -j 8 into a directory. */
  async dumpParallel(carrier: Carrier): Promise<TakenInParallel> {
    const directory = await mkdtemp(join(this.#standIn.directory, "dump-"));
    const words = ["pg_dump", "-v", "-Fd", "-Z0", "-j8", "--table", "ssm_table_*", "-f"];
    // pg_dump says what it does; when it has said it is asked for here.
    const stamp = `while IFS= read -r line; do printf '%s %s\n' "$EPOCHREALTIME" "$line"; done`;
    const script = `timed "$@" 2>&1 | ${stamp}`;
    const into = join(directory, "all");
    const { stdout, taken } = await this.#through(carrier, script, [...words, into]);
    const at = (what: RegExp): readonly number[] =>
      stdout
        .split("\n")
        .filter((line) => what.test(line))
        .map((line) => Number.parseFloat(line));
    const [begun = Number.NaN] = at(/dumping contents of table/);
    const data = (at(/finished item \d+ TABLE DATA/).at(-1) ?? Number.NaN) - begun;
    for (const table of tableNames()) {
      const script = `pg_restore --data-only --table ${table} -f - '${directory}/all' | grep -aE '^[0-9]+\t' | sha256sum`;
      const { stdout } = await succeeded(["bash", "-c", script], {});
      same(
        stdout.slice(0, 64),
        await this.#digest(`select * from ${table}`),
        `pg_dump -j: ${table}`,
      );
    }
    await rm(directory, { recursive: true });
    return { ...taken, data };
  }

  /** \copy of as much into the empty table on one connection. */
  async load(carrier: Carrier): Promise<Taken> {
    const file = join(this.#standIn.directory, "rows");
    const out = createWriteStream(file);
    for (let row = 1; row <= this.#rows; row++) {
      if (!out.write(`${row}\t${`${row}`.padStart(ROW - 10, "0123456789abcdef")}\n`))
        await once(out, "drain");
    }
    out.end();
    await once(out, "finish");
    await this.#query("truncate ssm_up");
    const words = ["psql", "-qc", `\\copy ssm_up from '${file}'`];
    const { taken } = await this.#through(carrier, `timed "$@"`, words);
    const { stdout } = await succeeded(["sha256sum", file], {});
    same(stdout.slice(0, 64), await this.#digest("select * from ssm_up"), "\\copy");
    return taken;
  }

  // In the script `timed "$@"` runs rdsiam with the words.
  async #through(
    carrier: Carrier,
    script: string,
    words: readonly string[],
  ): Promise<{ readonly stdout: string; readonly taken: Taken }> {
    const command = [...COMMAND, "exec", ...VIA, "admin", ...words];
    const start = performance.now();
    const { stderr, stdout } = await succeeded(
      ["bash", "-c", `${TIMED} ${script}`, "bash", ...command],
      this.#env[carrier],
    );
    const seconds = (performance.now() - start) / 1_000;
    const [, user, system] = /\bcpu (\S+) (\S+)$/m.exec(`${stdout}\n${stderr}`) ?? [];
    return { stdout, taken: { seconds, cpu: Number(user) + Number(system) } };
  }

  async #query(sql: string): Promise<readonly unknown[]> {
    const client = this.#standIn.postgres.makeClient("orders");
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  // Of the rows as COPY writes them; with nothing in them that it escapes.
  async #digest(select: string): Promise<string> {
    const line = String.raw`n || E'\t' || filling || E'\n'`;
    const [row] = await this.#query(
      `select encode(sha256(string_agg(${line}, '')::bytea), 'hex') as digest from (${select}) rows`,
    );
    return (row as { readonly digest: string }).digest;
  }
}

/** How rdsiam reaches the stand-in for Systems Manager, and AWS's plugin. */
interface SsmReached {
  readonly programs: SsmPrograms;
  readonly service: SsmService;
}

function environments(
  standIn: StandIn,
  { programs, service }: SsmReached,
): Readonly<Record<Carrier, Readonly<Record<string, string>>>> {
  const { AWS_ENDPOINT_URL_KMS, AWS_ENDPOINT_URL_SSM, SSL_CERT_FILE } = service.env;
  const env = {
    ...standIn.env,
    AWS_ENDPOINT_URL_KMS: AWS_ENDPOINT_URL_KMS ?? "",
    AWS_ENDPOINT_URL_SSM: AWS_ENDPOINT_URL_SSM ?? "",
    // rdsiam's variable, and the plugin's.
    AWS_CA_BUNDLE: SSL_CERT_FILE ?? "",
    SSL_CERT_FILE: SSL_CERT_FILE ?? "",
  };
  const PATH = `${join(programs.plugin, "..")}:${process.env["PATH"] ?? ""}`;
  return { rdsiam: env, plugin: { ...env, PATH, RDSIAM_SSM_PLUGIN: "yes" } };
}

async function succeeded(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Finished> {
  const ran = await run(words, { env });
  if (ran.status !== 0)
    throw new Error(`${words.join(" ")} ended with ${ran.status}: ${ran.stderr || ran.stdout}`);
  return ran;
}

function same(digest: string, expected: string, what: string): void {
  if (digest !== expected) throw new Error(`${what}: other bytes than in the database`);
}

function tableNames(): readonly string[] {
  return Array.from({ length: TABLES }, (_, index) => `ssm_table_${index + 1}`);
}
