// Puts a relay together: its files, AWS for identities and discovery, DNS, the listener, health checks. The room relay/
// knows none of these; it is handed functions.

import { atMost } from "../base/deadline.ts";
import { RdsIamError } from "../base/errors.ts";
import type { Options } from "../cli/options.ts";
import { asksForArn } from "./access.ts";
import { AddressBook } from "./address-book.ts";
import type { RelayConfig } from "./config.ts";
import type { ConnectionContext, RelayEvent } from "./connection.ts";
import { type RelayServer, startRelayServer } from "./server.ts";
import { Targets } from "./targets.ts";
import { RelayAws, type RelaySts } from "./aws.ts";
import {
  certificateIsFor,
  loadRelayConfig,
  loadRelayTls,
  type RelayFileNames,
  watchRelayFiles,
} from "./files.ts";
import { startRelayHealth } from "./health.ts";
import { relayLogger } from "./log.ts";
import { type RelaySettings, resolveRelaySettings } from "./settings.ts";
import type { RunContext } from "../base/context.ts";

const REFRESH_INTERVAL = 60_000; // ms between two searches for databases
const HEAD_TIMEOUT = 10_000; // ms for a client's handshake, and for each of its requests
const DIAL_TIMEOUT = 15_000; // ms to look a database's name up and to connect to it

/** A relay that serves; disposing it ends every session. */
export interface RelayService extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** How many databases there are. */
  readonly targets: number;
  /** Takes no new sessions; resolves when the last has ended, or their time is over. */
  readonly drain: () => Promise<void>;
  /** Resolves when the listener fails; never rejects. */
  readonly failed: Promise<Error>;
}

/** What a relay is started with. */
export interface RelayRequest {
  readonly options: Options;
  /** The name of its file. */
  readonly configFile: string;
}

/** Starts a relay. */
export async function startRelay(
  context: RunContext,
  request: RelayRequest,
): Promise<RelayService> {
  const config = await loadRelayConfig(request.configFile);
  const settings = resolveRelaySettings(request.options, context.env, config);
  const relay = new Relay(context, { ...request, config, settings });
  try {
    return await relay.start();
  } catch (error) {
    await relay.close();
    throw error;
  }
}

class Relay {
  readonly #context: RunContext;
  readonly #settings: RelaySettings;
  readonly #files: RelayFileNames;
  readonly #aws: RelayAws;
  readonly #targets = new Targets([], []);
  readonly #closers: AsyncDisposable[] = [];
  #config: RelayConfig;
  #sts: RelaySts | undefined;
  #cert = "";
  #discoveredAt: number | undefined;
  #state: "starting" | "serving" | "draining" = "starting";

  constructor(
    context: RunContext,
    made: RelayRequest & { readonly config: RelayConfig; readonly settings: RelaySettings },
  ) {
    this.#context = context;
    this.#config = made.config;
    this.#aws = new RelayAws(context, made.options, made.settings.region);
    this.#settings = made.settings;
    const { tlsCert, tlsClientCa, tlsKey } = made.settings;
    this.#files = { config: made.configFile, tlsCert, tlsKey, tlsClientCa };
  }

  async start(): Promise<RelayService> {
    const { drainTimeout, listen, maxConnections } = this.#settings;
    const tls = await loadRelayTls(this.#files);
    await this.#take(this.#config, tls.cert);
    await this.#firstSearch();
    let server: RelayServer | undefined = undefined;
    const note = await this.#watch(() => server?.sessions() ?? 0);
    const context = await this.#connections(note);
    const limits = { maxConnections, handshakeTimeout: HEAD_TIMEOUT };
    const started = await startRelayServer({ ...listen, ...limits, tls, context });
    server = started;
    this.#closers.push(started);
    const timer = setInterval(() => void this.#search(), REFRESH_INTERVAL);
    this.#closers.push({ [Symbol.asyncDispose]: async () => clearInterval(timer) });
    this.#closers.push(watchRelayFiles(this.#files, () => this.#reload(started)));
    this.#state = "serving";
    return {
      host: listen.host,
      port: started.port,
      targets: this.#targets.all().length,
      drain: () => {
        this.#state = "draining";
        return atMost(drainTimeout, started.drain());
      },
      failed: started.failed,
      [Symbol.asyncDispose]: () => this.close(),
    };
  }

  async close(): Promise<void> {
    for (const part of this.#closers.splice(0).toReversed()) await part[Symbol.asyncDispose]();
  }

  // Health checks and the log, which hear of everything.
  async #watch(sessions: () => number): Promise<(event: RelayEvent) => void> {
    const { health: place, maxConnections } = this.#settings;
    const say = relayLogger(this.#context.log);
    if (place === undefined) return say;
    const health = await startRelayHealth({
      place,
      state: () => this.#state,
      figures: () => ({
        sessions: sessions(),
        maxSessions: maxConnections,
        targets: this.#targets.all().length,
        discoveredAt: this.#discoveredAt,
      }),
    });
    this.#closers.push(health);
    this.#context.log.verbose(`health checks at ${place.address} port ${health.port}`);
    return (event) => {
      health.note(event);
      say(event);
    };
  }

  async #connections(onEvent: (event: RelayEvent) => void): Promise<ConnectionContext> {
    const { nameResolver } = await import("../rds/resolver.ts");
    const { dial } = await import("../proxy/dial.ts");
    const { relay: carry } = await import("../proxy/relay.ts");
    const { askIdentity } = await import("../aws/presigned-identity.ts");
    const resolver = nameResolver(this.#settings.dnsServers);
    const resolve = (host: string) => resolver.addresses(host);
    const networks = () => this.#config.networks;
    return {
      rules: () => this.#config.rules,
      targets: this.#targets,
      sts: () => this.#sts,
      isAudience: (name) => {
        const { audience } = this.#config;
        return audience.length > 0 ? audience.includes(name) : certificateIsFor(this.#cert, name);
      },
      identify: async (question, signal) => {
        const sts = this.#sts;
        if (sts === undefined) return undefined;
        return askIdentity(question, { endpoint: sts.endpoint, signal }, sts.calls);
      },
      book: new AddressBook({ resolve, networks, now: Date.now }),
      dial,
      carry,
      onEvent,
      now: Date.now,
      headTimeout: HEAD_TIMEOUT,
      dialTimeout: DIAL_TIMEOUT,
    };
  }

  // Takes a configuration as a whole, or not at all.
  async #take(config: RelayConfig, cert: string): Promise<void> {
    const rule = config.rules.find(({ certificates }) => certificates.length > 0);
    if (rule !== undefined && this.#files.tlsClientCa === undefined) {
      throw new RdsIamError(`[allow ${rule.name}] asks for a certificate, and no CA is named`, {
        code: "ERR_CONFIG",
        hint: "Name the CA of the clients' certificates: --tls-client-ca FILE",
      });
    }
    const sts = asksForArn(config.rules) ? await this.#aws.sts(config.discover[0]) : undefined;
    this.#targets.replace(config.targets, await this.#aws.searches(config.discover));
    this.#config = config;
    this.#cert = cert;
    this.#sts = sts;
  }

  // Without a single database there is nothing to serve; why that is so is better told at once.
  async #firstSearch(): Promise<void> {
    const problems = await this.#search();
    if (this.#targets.all().length > 0) return;
    const { discover } = this.#config;
    throw new RdsIamError("found no databases to relay to", {
      code: "ERR_CONFIG",
      detail:
        problems.length > 0
          ? `${problems.join("; ")}.`
          : `There are none with IAM authentication in ${discover.join(", ")}.`,
      hint: "Check discover in the [relay] section and the relay's own permissions, or list databases in [target NAME] sections.",
    });
  }

  async #search(): Promise<readonly string[]> {
    const problems = await this.#targets.refresh();
    if (problems.length === 0) this.#discoveredAt = Date.now();
    for (const message of problems) this.#context.log.warning({ message });
    return problems;
  }

  async #reload(server: RelayServer): Promise<void> {
    const { log } = this.#context;
    try {
      const config = await loadRelayConfig(this.#files.config);
      const tls = await loadRelayTls(this.#files);
      await this.#take(config, tls.cert);
      server.setTls(tls);
      await this.#search();
      log.always("rdsiam: the relay's files have changed, and count from now on");
    } catch (error) {
      if (!(error instanceof RdsIamError)) throw error;
      const message = `the relay's files have changed, and the old ones go on counting: ${error.message}`;
      log.warning({ message, detail: error.detail, hint: error.hint });
    }
  }
}
