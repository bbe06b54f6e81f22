// Systems Manager as the way: one session and one session-manager-plugin for each place that is dialled, started with the
// first login and again when the plugin has died or no longer answers.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html

import type { Socket } from "node:net";
import type { Carrier, CarrierOptions, CarrierTarget } from "./carrier.ts";
import { atMost, unlessAborted } from "./abort.ts";
import { viaError } from "./child-stream.ts";
import { Plugin, type SsmSession, takesVariable } from "./plugin.ts";
import { connectTcp } from "./tcp.ts";

/** Opens a port forwarding session to a host and port as seen from the instance. */
export type StartSsmSession = (request: {
  readonly target: string;
  readonly host: string;
  readonly port: number;
}) => Promise<SsmSession>;

const EXIT_DELAY = 500; // ms between the end of a connection and that of the plugin that carried it

const INSTALL =
  "Install it: https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html (brew install session-manager-plugin on macOS).";

interface Running {
  readonly plugin: Plugin;
  readonly port: number;
  readonly sockets: Set<Socket>;
}

/** Finds the plugin, and gives a way that starts it with the first login. */
export async function startSsm(
  target: string,
  startSession: StartSsmSession,
  options: CarrierOptions,
): Promise<Carrier> {
  const file = await findPlugin(options);
  const { version, isSafe } = await takesVariable(file, options.env);
  options.note(`way: session-manager-plugin ${version} at ${file}`);
  if (!isSafe) {
    options.warn(
      `session-manager-plugin is ${version}: it shows its session's token on the command line; update it to 1.2.536.0 or newer`,
    );
  }
  const starter = new PluginStarter(options.connectTimeout, async (place) => {
    const session = await startSession({ target, host: place.address, port: place.port });
    options.note(`way: session ${session.response.SessionId} to ${place.address}:${place.port}`);
    return new Plugin(file, session, { env: options.env, isSafe });
  });
  const hint = "The next login starts session-manager-plugin anew.";
  return {
    open: async (place, signal) => {
      const running = await starter.running(place, signal);
      const { plugin, port, sockets } = running;
      const at = { host: "127.0.0.1", port };
      const socket = await connectTcp(at, { what: "session-manager-plugin", hint }, signal);
      sockets.add(socket);
      let isAnswered = false;
      socket.once("data", () => (isAnswered = true));
      socket.once("close", () => {
        sockets.delete(socket);
        // It takes connections and carries nothing: it hangs, or its session is over.
        if (!isAnswered && sockets.size === 0) void plugin.close();
        if (isAnswered) void tellIfDied(plugin, () => options.onBroken(broken(place, plugin)));
      });
      void plugin.gone.then(() => socket.destroy(broken(place, plugin)));
      return socket;
    },
    [Symbol.asyncDispose]: () => starter.close(),
  };
}

// The end of its connections may be seen before its own.
async function tellIfDied(plugin: Plugin, tell: () => void): Promise<void> {
  await atMost(EXIT_DELAY, plugin.gone);
  if (plugin.hasDied) tell();
}

// One start at a time for each place, whatever number of logins wait for it.
class PluginStarter {
  readonly #make: (place: CarrierTarget) => Promise<Plugin>;
  readonly #starting = new Map<string, Promise<Running>>();
  readonly #plugins = new Set<Plugin>();
  readonly #limit: number;
  #isClosed = false;

  constructor(limit: number, make: (place: CarrierTarget) => Promise<Plugin>) {
    this.#limit = limit;
    this.#make = make;
  }

  async running(place: CarrierTarget, signal: AbortSignal): Promise<Running> {
    const key = `${place.address} ${place.port}`;
    const starting = this.#starting.get(key) ?? this.#start(key, place);
    this.#starting.set(key, starting);
    return unlessAborted(starting, signal);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#plugins].map((plugin) => plugin.close()));
  }

  async #start(key: string, place: CarrierTarget): Promise<Running> {
    let plugin: Plugin | undefined;
    // From here, as the login's own: a start that its login has given up must not be waited for by the next one.
    const limit = AbortSignal.timeout(this.#limit);
    try {
      plugin = await this.#make(place);
      const own = plugin;
      this.#plugins.add(own);
      void own.gone.then(() => {
        this.#plugins.delete(own);
        this.#starting.delete(key);
      });
      if (this.#isClosed) void own.close();
      return {
        plugin,
        port: await plugin.port(limit),
        sockets: new Set(),
      };
    } catch (error) {
      this.#starting.delete(key);
      void plugin?.close();
      throw error;
    }
  }
}

function broken({ host, port }: CarrierTarget, plugin: Plugin): ReturnType<typeof viaError> {
  return viaError(`the Session Manager connection to ${host} port ${port} broke`, {
    detail: plugin.detail,
    hint: "The next login starts it anew. Idle sessions end after the time in Session Manager's preferences.",
  });
}

async function findPlugin({ findProgram }: CarrierOptions): Promise<string> {
  try {
    return await findProgram("session-manager-plugin");
  } catch (cause) {
    throw viaError("session-manager-plugin was not found", {
      detail: "rds_via = ssm://... needs it, and no directory of PATH has it.",
      hint: INSTALL,
      cause,
    });
  }
}
