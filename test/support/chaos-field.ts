// The place of chaos.ts: proxies in a process of their own, a relay on either side of each, the stand-in's gateway behind.
import { createHash } from "node:crypto";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { gatewayToken } from "./gateway-token.ts";
import { copiedLines, TABLE, type Verdict } from "./chaos-operations.ts";
import { type ChaosProcess, startChaosProcess } from "./chaos-process.ts";
import { FaultRelay } from "./fault-relay.ts";

/** A tool's place: a relay on either side of a proxy of its own. */
export interface Worker {
  readonly toTool: FaultRelay;
  readonly toServer: FaultRelay;
  readonly port: number;
  readonly secret: string;
}

/** All places, and the process of the proxies. */
export interface Field extends AsyncDisposable {
  readonly child: ChaosProcess;
  readonly workers: readonly Worker[];
}

/** What a field is made of. */
export interface FieldOptions {
  readonly standIn: StandIn;
  readonly workers: number;
  readonly program?: string | undefined;
  /** Milliseconds for each stage of a login. */
  readonly limit: number;
}

/** Starts the proxies with a relay on either side of each, and makes the table that is copied to. */
export async function startField({
  standIn,
  workers,
  program,
  limit,
}: FieldOptions): Promise<Field> {
  const stack = new Stack();
  const admin = standIn.postgres.makeClient("orders");
  await admin.connect();
  await admin.query(`drop table if exists public.chaos; ${TABLE}`);
  await admin.end();
  const { canonicalHost: host } = standIn;
  const { port } = standIn.gateway;
  const token = await gatewayToken(standIn, "app_admin");
  const relay = async (to: number): Promise<FaultRelay> =>
    stack.use(await new FaultRelay({ host: "127.0.0.1", port: to }).listen());
  const servers = await Promise.all(Array.from({ length: workers }, () => relay(port)));
  const child = stack.use(
    await startChaosProcess(
      {
        host,
        token,
        ca: standIn.authority.cert,
        ports: servers.map((each) => each.port),
        limit,
      },
      program,
    ),
  );
  const made = child.proxies.map(async (proxy, index) => {
    const toTool = await relay(proxy.port);
    return {
      toTool,
      toServer: servers[index] as FaultRelay,
      port: toTool.port,
      secret: proxy.secret,
    };
  });
  return { child, workers: await Promise.all(made), [Symbol.asyncDispose]: () => stack.dispose() };
}

// AsyncDisposableStack is younger than Node 20.
class Stack {
  readonly #parts: AsyncDisposable[] = [];

  use<Part extends AsyncDisposable>(part: Part): Part {
    this.#parts.push(part);
    return part;
  }

  async dispose(): Promise<void> {
    for (const part of this.#parts.toReversed()) await part[Symbol.asyncDispose]();
  }
}

/** Compares the table with what the tools were told: a COPY is there in whole, or, when it ended as an error, not at all. */
export async function compareTable(
  standIn: StandIn,
  verdicts: ReadonlyMap<number, Verdict>,
): Promise<string[]> {
  const client = standIn.postgres.makeClient("orders");
  await client.connect();
  const { rows } = await client.query<{ fault: number; found: string }>(
    `select fault, md5(string_agg(fault || E'\\t' || n || E'\\t' || line || E'\\n', '' order by n)) as found
     from public.chaos group by fault`,
  );
  await client.query("drop table public.chaos");
  await client.end();
  const found = new Map(rows.map((row) => [row.fault, row.found]));
  return [...verdicts].flatMap(([fault, verdict]) => {
    const wanted = createHash("md5").update(copiedLines(fault).join("")).digest("hex");
    const right = found.has(fault) ? found.get(fault) === wanted : verdict === "error";
    return right
      ? []
      : [`fault ${fault}: the table holds other rows than were copied (${verdict})`];
  });
}
