// Refuses to handle secrets while something could watch them: an inspector, or a log of TLS keys. NODE_OPTIONS is often
// set for another program and inherited without a thought.
// The runtime is asked what it does, since the words that make it do so have many forms: Node takes _ for -, quotes and escapes in
// NODE_OPTIONS, and options from a file; Deno takes NODE_OPTIONS too. Only Bun cannot be asked.
// https://nodejs.org/api/cli.html#node_optionsoptions, https://bun.com/docs/runtime/debugger
import process from "node:process";
import type { Environment } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";

/** Throws ERR_USAGE when the runtime is being watched. */
export function refuseDebuggers(env: Environment): void {
  if ("bun" in process.versions) return refuseBunInspector(env);
  const isDeno = "deno" in process.versions;
  // Only Deno itself writes TLS keys to it.
  if (isDeno && env["SSLKEYLOGFILE"]) throw refusal("SSLKEYLOGFILE is set", "SSLKEYLOGFILE");
  // Without an option Node does neither, and to ask takes 20 ms.
  if (!isDeno && !env["NODE_OPTIONS"] && process.execArgv.length === 0) return;
  const variable = env["NODE_OPTIONS"] ? "NODE_OPTIONS" : undefined;
  if (process.getBuiltinModule("node:inspector").url() !== undefined)
    throw refusal("an inspector is open", variable);
  if (!isDeno && logsTlsKeys()) throw refusal("TLS keys are written to a file", variable);
}

// With --tls-keylog Node listens to each TLS socket.
function logsTlsKeys(): boolean {
  const { Socket } = process.getBuiltinModule("node:net");
  const { TLSSocket } = process.getBuiltinModule("node:tls");
  const socket = new TLSSocket(new Socket());
  const isHeard = socket.listenerCount("keylog") > 0;
  socket.destroy();
  return isHeard;
}

// Bun's inspector.url() knows of no inspector but its own open(). BUN_OPTIONS are among the runtime's words.
function refuseBunInspector(env: Environment): void {
  const word = process.execArgv.find((each) => each.startsWith("--inspect"));
  if (word !== undefined)
    throw refusal(`the runtime was started with ${word.replace(/=.*/s, "")}`, undefined);
  const variable = Object.keys(env).find((name) => name.startsWith("BUN_INSPECT") && env[name]);
  if (variable !== undefined) throw refusal(`${variable} is set`, variable);
}

function refusal(what: string, variable: string | undefined): RdsIamError {
  return new RdsIamError(`refusing to run: ${what}`, {
    code: "ERR_USAGE",
    detail: "Others could use it to read the auth token and the credentials.",
    hint:
      variable === undefined
        ? "Start rdsiam without that option of the runtime."
        : `Run: env -u ${variable} rdsiam ...`,
  });
}

/** Keeps SIGUSR1 from opening Node's inspector, through which any process of the user could read secrets. */
export function guardInspectorSignal(): void {
  process.on("SIGUSR1", () => {});
}
