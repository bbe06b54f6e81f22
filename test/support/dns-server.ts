// A DNS server on loopback for tests: a table of answers, and names that fail in each way.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import packet from "dns-packet";

/** What a name answers: a CNAME, addresses, a failure; a name that is not there is NXDOMAIN. */
export type Answers = Readonly<
  Record<string, { cname?: string; a?: string[]; aaaa?: string[]; fail?: "SERVFAIL" | "silence" }>
>;

const NXDOMAIN = 3;
const SERVFAIL = 2;

/** Starts a DNS server with the given answers; follows CNAMEs for A and AAAA as a recursive server does. */
export async function startDns(answers: Answers) {
  const socket = createSocket("udp4");
  const asked: string[] = [];
  socket.on("message", (message, peer) => {
    const query = packet.decode(message);
    const question = query.questions?.[0];
    const name = question?.name.toLowerCase() ?? "";
    asked.push(`${question?.type} ${name}`);
    const known = answers[name];
    if (known?.fail === "silence" || question === undefined) {
      return;
    }
    const found: packet.Answer[] = [];
    let rcode = known === undefined ? NXDOMAIN : known.fail === "SERVFAIL" ? SERVFAIL : 0;
    for (let at = name, hop = 0; rcode === 0 && hop < 15; hop++) {
      const entry = answers[at];
      if (entry === undefined) {
        rcode = NXDOMAIN;
        break;
      }
      if (entry.cname !== undefined) {
        found.push({ type: "CNAME", name: at, ttl: 1, data: entry.cname });
        at = entry.cname.toLowerCase().replace(/\.$/, "");
        if (question.type === "CNAME") {
          break;
        }
        continue;
      }
      const data =
        question.type === "A" ? entry.a : question.type === "AAAA" ? entry.aaaa : undefined;
      found.push(
        ...(data ?? []).map((each) => ({
          type: question.type as "A",
          name: at,
          ttl: 1,
          data: each,
        })),
      );
      break;
    }
    socket.send(
      packet.encode({
        type: "response",
        id: query.id ?? 0,
        flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | rcode,
        questions: query.questions ?? [],
        answers: found,
      }),
      peer.port,
      peer.address,
    );
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    server: `127.0.0.1:${socket.address().port}`,
    asked,
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, "close");
    },
  };
}
