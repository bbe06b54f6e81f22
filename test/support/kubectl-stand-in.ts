// A kubectl on PATH that listens and forwards as `kubectl port-forward` does, writes down what it was given, and can be told to fail
// with the real one's words. test/kubernetes/port-forward.slow.test.ts has the real one.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** One start of kubectl: its words, and its process. */
export interface KubectlStart {
  readonly argv: readonly string[];
  readonly pid: number;
}

/** The running stand-in. */
export interface KubectlStandIn extends AsyncDisposable {
  /** PATH with the program on it. */
  readonly env: Readonly<Record<string, string>>;
  /** Leads a resource (`svc/relay`) to a port of this machine. */
  readonly lead: (resource: string, port: number) => Promise<void>;
  /** From its next start on it says this on stderr and fails; undefined: it forwards. */
  readonly say: (text: string | undefined) => Promise<void>;
  readonly starts: () => Promise<readonly KubectlStart[]>;
  /** The pod dies: what is open ends, and kubectl notices it at the next connection. */
  readonly killPod: () => Promise<void>;
}

const PROGRAM = `
const fs = require("node:fs");
const net = require("node:net");
const at = (name) => require("node:path").join(__dirname, name);
const argv = process.argv.slice(2);
fs.appendFileSync(at("starts"), JSON.stringify({ argv, pid: process.pid }) + "\\n");
const said = fs.readFileSync(at("said"), "utf8");
if (said !== "") { process.stderr.write(said + "\\n"); process.exit(1); }
const [resource, port] = argv.slice(-2);
const to = JSON.parse(fs.readFileSync(at("ports"), "utf8"))[resource];
const sockets = new Set();
let isLost = false;
const fail = (why) => {
  console.error("E1129 23:23:54.027654   26175 portforward.go:424] \\"Unhandled Error\\" err=\\"an error occurred forwarding 37935 -> " + port.slice(1) + ": " + why + "\\"");
  console.error("error: lost connection to pod");
  process.exit(1);
};
const server = net.createServer((socket) => {
  console.log("Handling connection for " + server.address().port);
  socket.on("error", () => {});
  if (isLost) return fail("error forwarding port: pod not found (\\\\\\"relay-1_data\\\\\\")");
  const there = net.connect(to ?? 1, "127.0.0.1");
  there.on("error", () => fail("error forwarding port " + port.slice(1) + ": failed to connect to localhost: connection refused"));
  sockets.add(socket);
  socket.on("close", () => there.destroy());
  socket.pipe(there).pipe(socket);
});
process.on("SIGUSR2", () => { isLost = true; for (const socket of sockets) socket.destroy(); });
process.on("SIGINT", () => process.exit(0));
server.listen(0, "127.0.0.1", () => console.log("Forwarding from 127.0.0.1:" + server.address().port + " -> " + port.slice(1)));
`;

/** Writes the program. */
export async function startKubectl(): Promise<KubectlStandIn> {
  const bin = join(await mkdtemp(join(tmpdir(), "rdsiam-kubectl-")), "bin");
  await mkdir(bin);
  const file = (name: string): string => join(bin, name);
  await writeFile(file("kubectl.cjs"), PROGRAM);
  const line = `#!/bin/sh\nexec ${process.execPath} ${file("kubectl.cjs")} "$@"\n`;
  await writeFile(file("kubectl"), line, { mode: 0o755 });
  const ports: Record<string, number> = {};
  for (const name of ["starts", "said"]) await writeFile(file(name), "");
  await writeFile(file("ports"), "{}");
  const starts = async (): Promise<readonly KubectlStart[]> =>
    (await readFile(file("starts"), "utf8"))
      .split("\n")
      .filter((each) => each !== "")
      .map((each) => JSON.parse(each) as KubectlStart);
  return {
    env: { PATH: `${bin}:${process.env["PATH"] ?? ""}` },
    lead: async (resource, port) => {
      ports[resource] = port;
      await writeFile(file("ports"), JSON.stringify(ports));
    },
    say: (text = "") => writeFile(file("said"), text),
    starts,
    killPod: async () => {
      const last = (await starts()).at(-1);
      if (last !== undefined) process.kill(last.pid, "SIGUSR2");
    },
    [Symbol.asyncDispose]: () => rm(join(bin, ".."), { recursive: true, force: true }),
  };
}
