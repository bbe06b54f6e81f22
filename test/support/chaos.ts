// Seeded faults between the tool, the proxy and the database: every operation must end exact or as an error, within the
// limits, and the proxy must let go of every socket. Runs over the stand-in's gateway, so that the cuts fall into TLS records.
import { setTimeout as delay } from "node:timers/promises";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { compareTable, startField, type Worker } from "./chaos-field.ts";
import {
  operate,
  type Operation,
  OPERATIONS,
  type Tool,
  type Verdict,
} from "./chaos-operations.ts";
import {
  DIRECTIONS,
  type Fault,
  FAULT_KINDS,
  type FaultKind,
  type FaultRelay,
} from "./fault-relay.ts";
import { random } from "./random.ts";

const LIMIT = 3_000; // ms for each stage of a login
const HANG = 2 * LIMIT + 5_000; // ms that anything may take: dialling with TLS, the login, a cancel that waits 5 s
const NOTICED = 100; // ms after which the person at the tool gives up on a silent session
const FREED = 6_000; // ms that the proxy has to let go of its sockets; it gives a server 2 s to act on a FIN
const LOGIN_BYTES = 3_000;

/** What a run is made of. */
export interface ChaosOptions {
  readonly standIn: StandIn;
  readonly seed: number;
  readonly faults: number;
  readonly workers: number;
  /** The runtime's program; this Node when absent. */
  readonly program?: string | undefined;
}

/** The figures of one kind of fault. */
export interface ChaosFigures {
  readonly faults: number;
  /** Faults whose byte was really passed. */
  readonly struck: number;
  readonly clean: number;
  readonly errors: number;
  /** Milliseconds of the longest operation, and of the longest wait for the proxy's descriptors after it. */
  readonly longest: number;
  readonly freed: number;
}

/** What a run found. */
export interface ChaosResult {
  readonly figures: ReadonlyMap<FaultKind, ChaosFigures>;
  /** Whatever must not be, each with what is needed to repeat it. */
  readonly violations: readonly string[];
  readonly descriptors: { readonly before: number; readonly after: number };
  /** Resident memory of the proxies' process at the end, in bytes. */
  readonly memory: number;
}

interface Plan {
  readonly number: number;
  readonly operation: Operation;
  readonly place: "tool" | "server";
  readonly fault: Fault;
}

interface Outcome {
  readonly plan: Plan;
  readonly struck: boolean;
  readonly verdict: Verdict;
  readonly took: number;
  readonly freed: number;
  readonly violation: string | undefined;
}

/** Runs all faults of a seed. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  await using field = await startField({ ...options, limit: LIMIT });
  const { child, workers } = field;
  const sizes = await calibrate(workers[0] as Worker);
  await Promise.all(workers.map((worker) => runClean(worker, "query")));
  const before = await child.settled(0, FREED);
  const outcomes: Outcome[] = [];
  let next = 0;
  const work = async (worker: Worker): Promise<void> => {
    while (next < options.faults) {
      outcomes.push(await runFault(worker, makePlan(options.seed, (next += 1), sizes)));
    }
  };
  await Promise.all(workers.map((worker) => work(worker)));
  const after = await child.settled(before, FREED);
  const violations = outcomes.flatMap((outcome) => describe(outcome));
  if (after > before) violations.push(`${after - before} descriptors are left`);
  const report = await child.dispose();
  violations.push(...report.uncaught.map((error) => `uncaught: ${error}`));
  if (report.logins !== report.closed) {
    violations.push(`${report.logins} sessions were opened, ${report.closed} closed`);
  }
  violations.push(...(await compareTable(options.standIn, verdictsOfCopies(outcomes))));
  const descriptors = { before, after };
  return { figures: sumUp(outcomes), violations, descriptors, memory: report.rss };
}

type Sizes = ReadonlyMap<string, FaultRelay["passed"]>;

// How many bytes each operation passes in each direction at either place: the bytes that faults are drawn from.
async function calibrate(worker: Worker): Promise<Sizes> {
  const sizes = new Map<string, FaultRelay["passed"]>();
  for (const operation of OPERATIONS) {
    const { tool, server } = await runClean(worker, operation);
    sizes.set(`tool ${operation}`, tool).set(`server ${operation}`, server);
  }
  return sizes;
}

async function runClean(
  worker: Worker,
  operation: Operation,
): Promise<Record<"tool" | "server", FaultRelay["passed"]>> {
  worker.toTool.arm();
  worker.toServer.arm();
  const verdict = await operate(toolOf(worker, { number: 0, cancelMayFail: false }), operation);
  if (verdict !== "clean") throw new Error(`${operation} without a fault: ${verdict}`);
  return { tool: worker.toTool.passed, server: worker.toServer.passed };
}

function toolOf(
  worker: Worker,
  run: { readonly number: number; readonly cancelMayFail: boolean },
): Tool {
  const { port, secret } = worker;
  return {
    port,
    secret,
    fault: run.number,
    cancelMayFail: run.cancelMayFail,
    frontends: [],
    ready: false,
  };
}

function makePlan(seed: number, number: number, sizes: Sizes): Plan {
  const from = random(seed, number);
  const operation = from.pick(OPERATIONS);
  const kind = from.pick(FAULT_KINDS);
  const place = from.pick(["tool", "server"] as const);
  const connections = sizes.get(`${place} ${operation}`) ?? [];
  const connection = from.below(connections.length);
  const direction = from.pick(
    DIRECTIONS.filter((each) => (connections[connection]?.[each] ?? 0) > 0),
  );
  const all = connections[connection]?.[direction] ?? 0;
  // A login is small beside a COPY: a third of the faults go there.
  const at = from.below(from.below(3) === 0 ? Math.min(all, LOGIN_BYTES) : all);
  return { number, operation, place, fault: { kind, direction, connection, at } };
}

async function runFault(worker: Worker, plan: Plan): Promise<Outcome> {
  const { operation, place, fault, number } = plan;
  const struck = place === "tool" ? worker.toTool : worker.toServer;
  worker.toTool.arm(place === "tool" ? fault : undefined);
  worker.toServer.arm(place === "server" ? fault : undefined);
  const tool = toolOf(worker, {
    number,
    cancelMayFail: fault.connection === 1 && fault.kind !== "slices",
  });
  const started = performance.now();
  const working = operate(tool, operation);
  const hang = await watch(working, { tool, worker, plan });
  const verdict = await working;
  const took = performance.now() - started;
  const left = await untilFreed(worker);
  const sliced = fault.kind === "slices" && verdict === "error" ? "slices lose nothing" : undefined;
  const violation = hang ?? left ?? sliced ?? (verdict.startsWith("wrong") ? verdict : undefined);
  worker.toTool.release();
  worker.toServer.release();
  const freed = performance.now() - started - took;
  return { plan, struck: struck.struck, verdict, took, freed, violation };
}

// Ends what only the tool can end (silence after the login, or on its own side); anything else must end by itself.
async function watch(
  working: Promise<Verdict>,
  run: { readonly tool: Tool; readonly worker: Worker; readonly plan: Plan },
): Promise<string | undefined> {
  const { tool, worker, plan } = run;
  const { place, fault } = plan;
  const ended = working.then(() => true);
  let silent = 0;
  for (let waited = 0; ; waited += 50) {
    if (await Promise.race([ended, delay(50, false)])) return undefined;
    const mayGiveUp = place === "tool" || (tool.ready && fault.connection === 0);
    if (fault.kind === "stall" && mayGiveUp) {
      silent += (place === "tool" ? worker.toTool : worker.toServer).struck ? 50 : 0;
    }
    if (silent < NOTICED && waited < HANG) continue;
    for (const frontend of tool.frontends) frontend.socket.destroy();
    if (place === "tool") worker.toTool.release();
    return waited < HANG ? undefined : `hangs for ${waited} ms`;
  }
}

async function untilFreed({ toTool, toServer }: Worker): Promise<string | undefined> {
  const started = performance.now();
  while (performance.now() - started < FREED) {
    await delay(50);
    if (!(await toTool.held("server")) && !(await toServer.held("client"))) return undefined;
  }
  const sides = [
    (await toTool.held("server")) && "tool",
    (await toServer.held("client")) && "server",
  ];
  return `the proxy holds a socket towards the ${sides.filter(Boolean).join(" and the ")}`;
}

function describe({ plan, verdict, violation }: Outcome): string[] {
  if (violation === undefined) return [];
  const { number, operation, place, fault } = plan;
  const where = `${fault.kind} at byte ${fault.at} ${fault.direction} of connection ${fault.connection}`;
  return [`fault ${number}: ${operation}, ${where} beside the ${place}: ${violation} (${verdict})`];
}

function verdictsOfCopies(outcomes: readonly Outcome[]): Map<number, Verdict> {
  const copies = outcomes.filter(({ plan }) => plan.operation === "copyIn");
  return new Map(copies.map(({ plan, verdict }) => [plan.number, verdict]));
}

function sumUp(outcomes: readonly Outcome[]): Map<FaultKind, ChaosFigures> {
  const most = (numbers: readonly number[]): number => Math.round(Math.max(0, ...numbers));
  return new Map(
    FAULT_KINDS.map((kind) => {
      const mine = outcomes.filter(({ plan }) => plan.fault.kind === kind);
      const figures = {
        faults: mine.length,
        struck: mine.filter(({ struck }) => struck).length,
        clean: mine.filter(({ verdict }) => verdict === "clean").length,
        errors: mine.filter(({ verdict }) => verdict === "error").length,
        longest: most(mine.map(({ took }) => took)),
        freed: most(mine.map(({ freed }) => freed)),
      };
      return [kind, figures];
    }),
  );
}
