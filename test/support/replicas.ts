// Replicas of a relay behind a load balancer that knows TCP alone, many sessions through them, and the end of one.
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { relayTunnel } from "../../src/via/relay.ts";
import { startTestRelay, type TestRelay } from "./relay-scene.ts";
import { until } from "./traces.ts";
import { lacking, startServer } from "./via-servers.ts";
import { type EchoStage, RULES, startEchoStage } from "./relay-stage.ts";

const AT_ONCE = 20;
const PATIENCE = 60_000; // ms

/** What came of a run. */
export interface ReplicasResult {
  readonly sessions: number;
  /** Sessions by replica, as each has told them. */
  readonly spread: readonly number[];
  /** Sessions that ended with the replica that was killed, and those that went on. */
  readonly ended: number;
  readonly wentOn: number;
  /** New sessions afterwards that worked, and how many of them had asked for the address of an old one. */
  readonly anew: number;
}

/** A reason to skip, or false. */
export function lackingForReplicas(): string | false {
  return lacking("haproxy");
}

interface Session {
  readonly stream: Duplex;
  readonly address: string | undefined;
  isOver: boolean;
}

/** Runs sessions through replicas and kills the first one. */
export async function endOneReplica(replicas: number, count: number): Promise<ReplicasResult> {
  await using stage = await startEchoStage();
  const relays: TestRelay[] = [];
  try {
    for (let index = 0; index < replicas; index += 1) {
      relays.push(await startTestRelay(stage, { rules: RULES }));
    }
    await using balancer = await startBalancer(stage, relays);
    const open = await opener(stage, balancer.port);
    const sessions = await openSessions(count, () => open());
    const spread = relays.map(openedBy);
    const [victim] = relays;
    await victim?.[Symbol.asyncDispose]();
    await until(
      async () => sessions.filter(({ isOver }) => isOver).length >= (spread[0] ?? 0),
      "its sessions end",
      PATIENCE,
    );
    const living = sessions.filter(({ isOver }) => !isOver);
    const answers = await Promise.all(living.map((session) => answersOn(session)));
    const addresses = sessions.map(({ address }) => address).slice(0, Math.min(count, AT_ONCE));
    const anew = await Promise.all(
      addresses.map(async (address) => answersOn(await open(address))),
    );
    const ended = sessions.filter(({ isOver }) => isOver).length;
    for (const { stream } of sessions) stream.destroy();
    return {
      sessions: count,
      spread,
      ended,
      wentOn: answers.filter(Boolean).length,
      anew: anew.filter(Boolean).length,
    };
  } finally {
    await Promise.all(relays.map((relay) => relay[Symbol.asyncDispose]()));
  }
}

function openedBy(relay: TestRelay): number {
  return relay.output().match(/^rdsiam: opened /gm)?.length ?? 0;
}

async function opener(
  stage: EchoStage,
  port: number,
): Promise<(address?: string) => Promise<Session>> {
  const place = { host: "localhost", port, ca: stage.caFile, client: undefined };
  const tunnel = await relayTunnel(place, stage.prove);
  const { canonicalHost: host, gateway } = stage;
  return async (address = host) => {
    const target = { host, port: gateway.port, address };
    const stream = await tunnel.open(target, AbortSignal.timeout(PATIENCE));
    const session: Session = { stream, address: tunnel.addressOf?.(stream), isOver: false };
    stream.on("error", () => {});
    for (const event of ["end", "close"]) stream.on(event, () => (session.isOver = true));
    stream.resume();
    if (!(await answersOn(session))) throw new Error("a new session does not answer");
    return session;
  };
}

async function openSessions(count: number, open: () => Promise<Session>): Promise<Session[]> {
  const sessions: Session[] = [];
  const turns = Array.from({ length: count }).values();
  const work = async (): Promise<void> => {
    for (const _turn of turns) sessions.push(await open());
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return sessions;
}

let said = 0;

async function answersOn(session: Session): Promise<boolean> {
  if (session.isOver) return false;
  said += 1;
  const text = `session ${said}`;
  session.stream.write(text);
  const answer = once(session.stream, "data").then(([chunk]) => String(chunk) === text);
  const over = once(session.stream, "close").then(() => false);
  return Promise.race([answer, over]);
}

function startBalancer(stage: EchoStage, relays: readonly TestRelay[]) {
  return startServer("haproxy", async (port) => {
    const servers = relays.map(
      (relay, index) => `  server r${index} 127.0.0.1:${relay.port} check inter 200ms`,
    );
    const lines = ["global", "  maxconn 5000", "defaults", "  mode tcp", "  timeout connect 5s"];
    lines.push("  timeout client 1h", "  timeout server 1h", "  retries 3", "  option redispatch");
    lines.push("listen relays", `  bind 127.0.0.1:${port}`, "  balance roundrobin", ...servers);
    const file = join(stage.directory, "haproxy.cfg");
    await writeFile(file, `${lines.join("\n")}\n`);
    return ["-f", file, "-db"];
  });
}
