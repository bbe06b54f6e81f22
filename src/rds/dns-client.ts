// Asks DNS servers one question: over UDP, over TCP where the answer does not fit, the next server when one is silent or
// refuses. The first definite answer is taken: the records, or that there are none, or no such name.
// https://www.rfc-editor.org/rfc/rfc1035#section-4.2

import { Buffer } from "node:buffer";
import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import { deadline } from "../base/deadline.ts";
import { type HostPort, readHostPort } from "../base/host-port.ts";
import { unpredictableBytes } from "../base/secret.ts";
import {
  type DnsAnswer,
  type DnsQuestion,
  encodeQuestion,
  readAnswer,
  type RecordType,
} from "./dns-message.ts";

const QUERY_TIMEOUT_MS = 2_000;
const PATIENCE_MS = 700; // until the next server is asked as well
const DNS_PORT = 53;
const NXDOMAIN = 3;
const RCODES: Readonly<Record<number, string>> = {
  1: "EFORMERR",
  2: "ESERVFAIL",
  4: "ENOTIMP",
  5: "EREFUSED",
};

type Question = Pick<DnsQuestion, "name" | "type">;

/**
 * The data of the records of a type, and how many seconds it may be used for. Errors have the codes of node:dns: ENOTFOUND
 * no such name, ENODATA no such record, and those of askDns().
 */
export async function queryDns(
  servers: readonly string[],
  name: string,
  type: RecordType,
): Promise<Pick<DnsAnswer, "data" | "ttl">> {
  const { rcode, data, ttl } = await askDns(servers, { name, type });
  if (rcode === NXDOMAIN) throw withCode("ENOTFOUND");
  if (data.length === 0) throw withCode("ENODATA");
  return { data, ttl };
}

/**
 * The first definite answer, NOERROR or NXDOMAIN, or an error with a code of node:dns: ESERVFAIL, EREFUSED, ENOTIMP, ETIMEOUT.
 * Servers are IP, IP:PORT or [IP]:PORT, as node:dns has them; `signal` gives the question up.
 */
export async function askDns(
  servers: readonly string[],
  asked: Question,
  signal?: AbortSignal,
): Promise<DnsAnswer> {
  using limit = deadline(QUERY_TIMEOUT_MS, () => withCode("ETIMEOUT"), signal);
  try {
    return await askAll(servers.map(readServer), asked, limit.signal);
  } finally {
    limit.abort(withCode("ECANCELLED"));
  }
}

function askAll(
  servers: readonly HostPort[],
  asked: Question,
  signal: AbortSignal,
): Promise<DnsAnswer> {
  return new Promise((resolve, reject) => {
    let [next, failed] = [0, 0];
    let timer: NodeJS.Timeout | undefined;
    const askNext = (): void => {
      clearTimeout(timer);
      const server = servers[next];
      if (server === undefined) return;
      next += 1;
      timer = setTimeout(askNext, PATIENCE_MS);
      ask(server, asked, signal).then(resolve, (error: Error) => {
        failed += 1;
        if (failed === servers.length) reject(error);
        else askNext();
      });
    };
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    if (servers.length === 0) reject(withCode("ECONNREFUSED"));
    askNext();
  });
}

async function ask(server: HostPort, asked: Question, signal: AbortSignal): Promise<DnsAnswer> {
  const question = { ...asked, id: unpredictableBytes(2).readUInt16BE() };
  const bytes = encodeQuestion(question);
  if (bytes === undefined) throw withCode("ENOTFOUND");
  const exchange = { server, question, bytes, signal };
  let answer = await askUdp(exchange);
  if (answer.truncated) answer = await askTcp(exchange);
  if (answer.rcode !== 0 && answer.rcode !== NXDOMAIN) {
    throw withCode(RCODES[answer.rcode] ?? `rcode ${answer.rcode}`);
  }
  return answer;
}

interface Exchange {
  readonly server: HostPort;
  readonly question: DnsQuestion;
  readonly bytes: Buffer;
  readonly signal: AbortSignal;
}

function askUdp({ server, question, bytes, signal }: Exchange): Promise<DnsAnswer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(server.host) ? "udp6" : "udp4");
    let isOpen = true;
    const close = (): void => {
      if (isOpen) socket.close();
      isOpen = false;
    };
    const fail = (error: Error): void => {
      close();
      reject(error);
    };
    signal.addEventListener("abort", () => fail(signal.reason as Error), { once: true });
    socket.on("error", fail);
    socket.on("message", (message, from) => {
      // Only an answer to this very question, from this very port, is taken: anything else may be forged.
      const answer = from.port === server.port ? readAnswer(message, question) : undefined;
      if (answer === undefined) return;
      close();
      resolve(answer);
    });
    if (signal.aborted) return fail(signal.reason as Error);
    socket.send(bytes, server.port, server.host, (error) => {
      if (error !== null && error !== undefined) fail(error);
    });
  });
}

function askTcp({ server, question, bytes, signal }: Exchange): Promise<DnsAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, server.host);
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    signal.addEventListener("abort", () => fail(signal.reason as Error), { once: true });
    let received = Buffer.alloc(0);
    socket.on("error", fail).on("close", () => fail(withCode("ECONNRESET")));
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const end = received.length < 2 ? Number.POSITIVE_INFINITY : 2 + received.readUInt16BE(0);
      if (received.length < end) return;
      const answer = readAnswer(received.subarray(2, end), question);
      if (answer === undefined) return fail(withCode("EBADRESP"));
      resolve(answer);
      socket.destroy();
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(bytes.length);
    socket.write(Buffer.concat([length, bytes]));
  });
}

function readServer(text: string): HostPort {
  const { host, port = DNS_PORT } = readHostPort(text) ?? { host: text };
  return { host, port };
}

function withCode(code: string): Error {
  return Object.assign(new Error(code), { code });
}
