// Refuses to handle secrets while something could watch them: an inspector, or a log of TLS keys. NODE_OPTIONS is often
// set for another program and inherited without a thought.
// https://nodejs.org/api/cli.html#--inspecthostport, https://nodejs.org/api/cli.html#--tls-keylogfile
import process from "node:process";
import type { Environment } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";

/** What the runtime was started with. */
export interface RuntimeFlags {
  readonly env: Environment;
  readonly execArgv: readonly string[];
  /** Only Deno itself writes TLS keys to SSLKEYLOGFILE. */
  readonly isDeno: boolean;
}

const WATCHING = /^--(?:inspect(?:-brk|-wait|-port|-publish-uid)?|debug-port|tls-keylog)(?:=|$)/;

/** Throws ERR_USAGE when the runtime is being watched. */
export function refuseDebuggers({ env, execArgv, isDeno }: RuntimeFlags): void {
  const inherited = (env["NODE_OPTIONS"] ?? "").split(/\s+/).find((word) => WATCHING.test(word));
  if (inherited !== undefined)
    throw refusal(`NODE_OPTIONS has ${inherited.replace(/=.*/s, "")}`, "NODE_OPTIONS");
  const own = execArgv.find((word) => WATCHING.test(word));
  if (own !== undefined)
    throw refusal(`the runtime was started with ${own.replace(/=.*/s, "")}`, undefined);
  if (env["BUN_INSPECT"]) throw refusal("BUN_INSPECT is set", "BUN_INSPECT");
  if (isDeno && env["SSLKEYLOGFILE"]) throw refusal("SSLKEYLOGFILE is set", "SSLKEYLOGFILE");
}

function refusal(what: string, variable: string | undefined): RdsIamError {
  return new RdsIamError(`refusing to run: ${what}`, {
    code: "ERR_USAGE",
    detail: "Through it the auth token and the credentials could be read by others.",
    hint:
      variable === undefined
        ? "Start rdsiam without that flag."
        : `Run: env -u ${variable} rdsiam ...`,
  });
}

/** Keeps SIGUSR1 from opening Node's inspector, through which any process of the user could read secrets. */
export function guardInspectorSignal(): void {
  process.on("SIGUSR1", () => {});
}
