// Assembles a relay: its files, AWS for identities and discovery, DNS, the listener, health checks.

import type { AwsCalls } from "../aws/sdk.ts";
import type { StsEndpoint } from "../aws/presigned-identity.ts";
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import {
  loadServerCertificate,
  type ServerCertificate,
  warnOfExpiry,
} from "../base/server-certificate.ts";
import type { Options } from "../cli/options.ts";
import type { Account } from "../session/account.ts";
import { atMost } from "../base/deadline.ts";
import { allowingRule, asksForArn, type RelayTarget } from "./access.ts";
import { AddressBook } from "./addresses.ts";
import type { Admitted } from "./admission.ts";
import {
  changedStartKeys,
  type RelayConfig,
  type RelaySettings,
  resolveRelaySettings,
} from "./config.ts";
import type { RelayContext } from "./connection.ts";
import { type RelayEvent, relayLogger } from "./events.ts";
import { canonicalHost, certificateHosts, loadRelayConfig, watchRelayFiles } from "./files.ts";
import { type RelayServer, startRelayServer } from "./server.ts";
import { accountSearch, Targets } from "./targets.ts";
import { Tickets } from "./tickets.ts";

const REFRESH_INTERVAL = 60_000; // ms between two searches for databases
const HEAD_TIMEOUT = 10_000; // ms for a client's handshake, and for each of its requests
const DIAL_TIMEOUT = 15_000; // ms to look a database's name up and to connect to it

/** A running relay; disposing it ends every session. */
export interface RelayService extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** The number of databases. */
  readonly targets: number;
  /** Takes no new sessions; resolves when the last one has ended, or their time is over. */
  readonly drain: () => Promise<void>;
  /** Resolves when the listener fails; never rejects. */
  readonly failed: Promise<Error>;
}

/** The options of a relay, and its file. */
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
  const config = loadRelayConfig(request.configFile);
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
  readonly #configFile: string;
  readonly #options: Options;
  readonly #targets = new Targets([], []);
  readonly #tickets = new Tickets(Date.now);
  readonly #closers: AsyncDisposable[] = [];
  readonly #started: RelayConfig;
  #config: RelayConfig;
  #account: Promise<Account> | undefined;
  #sts: (StsEndpoint & { readonly calls: AwsCalls }) | undefined;
  #names: readonly string[] = [];
  #discoveredAt: number | undefined;
  #phase: "starting" | "serving" | "draining" = "starting";

  constructor(
    context: RunContext,
    request: RelayRequest & { readonly config: RelayConfig; readonly settings: RelaySettings },
  ) {
    this.#context = context;
    this.#options = request.options;
    this.#started = request.config;
    this.#config = request.config;
    this.#settings = request.settings;
    this.#configFile = request.configFile;
  }

  async start(): Promise<RelayService> {
    const { drainTimeout, listen, maxConnections, maxUserConnections, sessionTimeout } =
      this.#settings;
    const tls = await this.#loadCertificate();
    await this.#apply(this.#config, tls.cert);
    await this.#firstSearch();
    let server: RelayServer | undefined = undefined;
    const onEvent = await this.#observe(() => server?.sessions() ?? 0);
    const context = await this.#connectionContext(onEvent);
    const limits = { maxConnections, maxUserConnections, sessionTimeout };
    const started = await startRelayServer({
      ...listen,
      ...limits,
      handshakeTimeout: HEAD_TIMEOUT,
      tls,
      context,
    });
    server = started;
    this.#closers.push(started);
    const refresh = async (): Promise<void> => {
      await this.#search();
      // A database that is not found any more keeps its sessions, and the tags that it had.
      this.#endSessions(started, (session) => this.#find(session.target) ?? session.target);
    };
    const timer = setInterval(() => void refresh(), REFRESH_INTERVAL);
    this.#closers.push({ [Symbol.asyncDispose]: async () => clearInterval(timer) });
    const { cert, key, clientCa } = this.#settings.tls;
    const files = [this.#configFile, cert, key, ...(clientCa === undefined ? [] : [clientCa])];
    const onUnreadable = (reason: string): void =>
      this.#context.log.warning({
        message: `the relay's files cannot be read, so the previous ones stay in use: ${reason}`,
      });
    this.#closers.push(watchRelayFiles(files, () => this.#reload(started), onUnreadable));
    this.#phase = "serving";
    return {
      host: listen.host,
      port: started.port,
      targets: this.#targets.all().length,
      drain: () => {
        this.#phase = "draining";
        return atMost(drainTimeout, started.drain());
      },
      failed: started.failed,
      [Symbol.asyncDispose]: () => this.close(),
    };
  }

  async close(): Promise<void> {
    for (const part of this.#closers.splice(0).toReversed()) await part[Symbol.asyncDispose]();
  }

  // Starts the health port, and makes the function that gets every event.
  async #observe(sessions: () => number): Promise<(event: RelayEvent) => void> {
    const { health: address, maxConnections: maxSessions } = this.#settings;
    const logEvent = relayLogger(this.#context.log);
    if (address === undefined) return logEvent;
    const { startRelayHealth } = await import("./health.ts");
    const health = await startRelayHealth(address, () => ({
      phase: this.#phase,
      sessions: sessions(),
      maxSessions,
      targets: this.#targets.all().length,
      discoveredAt: this.#discoveredAt,
    }));
    this.#closers.push(health);
    this.#context.log.verbose(`health checks at ${address.host} port ${health.port}`);
    return (event) => {
      health.note(event);
      logEvent(event);
    };
  }

  async #connectionContext(onEvent: (event: RelayEvent) => void): Promise<RelayContext> {
    const { nameResolver } = await import("../rds/resolver.ts");
    const { dial } = await import("../proxy/dial.ts");
    const { copy } = await import("../proxy/copy.ts");
    const { askIdentity } = await import("../aws/presigned-identity.ts");
    const resolver = nameResolver(this.#settings.dnsServers);
    const resolve = (host: string) => resolver.addresses(host);
    const networks = () => this.#config.networks;
    return {
      rules: () => this.#config.rules,
      targets: this.#targets,
      tickets: this.#tickets,
      sts: () => this.#sts,
      isAudience: (name) => this.#names.includes(canonicalHost(name)),
      identify: async (request, signal) => {
        const sts = this.#sts;
        if (sts === undefined) return undefined;
        return askIdentity(request, { endpoint: sts.endpoint, signal }, sts.calls);
      },
      book: new AddressBook({ resolve, networks, now: Date.now }),
      dial,
      copy,
      onEvent,
      now: Date.now,
      headTimeout: HEAD_TIMEOUT,
      dialTimeout: DIAL_TIMEOUT,
    };
  }

  async #loadCertificate(): Promise<ServerCertificate> {
    const { tls } = this.#settings;
    const certificate = await loadServerCertificate(tls);
    warnOfExpiry(certificate, tls.cert, (message) => this.#context.log.warning({ message }));
    return certificate;
  }

  // Applies a configuration as a whole, or not at all: a wrong file leaves everything as it was.
  async #apply(config: RelayConfig, cert: string): Promise<void> {
    const rule = config.rules.find(({ certificates }) => certificates.length > 0);
    if (rule !== undefined && this.#settings.tls.clientCa === undefined) {
      throw new RdsIamError(
        `[allow ${rule.name}] requires a certificate, but there is no CA for it`,
        {
          code: "ERR_CONFIG",
          hint: "Name the CA of the clients' certificates: --tls-client-ca FILE",
        },
      );
    }
    const names =
      config.audience.length > 0 ? config.audience.map(canonicalHost) : certificateHosts(cert);
    if (names.length === 0 && asksForArn(config.rules)) {
      throw new RdsIamError("the relay's own name is not known", {
        code: "ERR_CONFIG",
        detail:
          "Its certificate has only wildcard names, and any host under a wildcard could pass on a client's proof to this relay.",
        hint: "Add audience = NAME, the names that clients dial, to the [relay] section of the relay's file.",
      });
    }
    const sts = asksForArn(config.rules) ? await this.#findSts(config.discover[0]) : undefined;
    const account = config.discover.length > 0 ? await this.#openAccount() : undefined;
    const searches =
      account === undefined ? [] : config.discover.map((region) => accountSearch(account, region));
    this.#targets.replace(config.targets, searches);
    this.#tickets.clear();
    this.#config = config;
    this.#names = names;
    this.#sts = sts;
  }

  // The STS endpoint for the clients' proofs, which needs no credentials: in the relay's Region, the account's, or `fallback`.
  async #findSts(fallback: string | undefined): Promise<StsEndpoint & { calls: AwsCalls }> {
    const { stsIn } = await import("../aws/presigned-identity.ts");
    const account = await this.#openAccount();
    const region = this.#settings.region ?? account.region ?? fallback;
    if (region === undefined) {
      throw new RdsIamError("there is no Region for the STS endpoint that identifies the clients", {
        code: "ERR_REGION",
        hint: "Add --region REGION, or region in the [relay] section of the relay's file.",
      });
    }
    const { calls } = account.callerIn(region);
    return { ...stsIn(region, calls), calls };
  }

  #openAccount(): Promise<Account> {
    const open = async (): Promise<Account> => {
      const { openAccount } = await import("../session/account.ts");
      const { loadConfiguration } = await import("../session/settings.ts");
      const loaded = loadConfiguration(this.#context);
      return openAccount(this.#context, { options: this.#options, loaded });
    };
    return (this.#account ??= open());
  }

  // Without a single database there is nothing to serve, which is reported at the start.
  async #firstSearch(): Promise<void> {
    const problems = await this.#search();
    if (this.#targets.all().length > 0) return;
    const { discover } = this.#config;
    throw new RdsIamError("found no databases for the relay", {
      code: "ERR_CONFIG",
      detail:
        problems.length > 0
          ? `${problems.join("; ")}.`
          : `None in ${discover.join(", ")} has IAM authentication.`,
      hint: "Check discover in the [relay] section and the relay's own permissions, or list databases in [target NAME] sections.",
    });
  }

  async #search(): Promise<readonly string[]> {
    const problems = await this.#targets.refresh();
    if (problems.length === 0) this.#discoveredAt = Date.now();
    for (const message of problems) this.#context.log.warning({ message });
    return problems;
  }

  // Ends the sessions that no rule would allow now.
  #endSessions(
    server: RelayServer,
    targetOf: (session: Admitted) => RelayTarget | undefined,
  ): void {
    server.endUnless((session) => {
      const target = targetOf(session);
      const { rules } = this.#config;
      return target !== undefined && allowingRule(rules, session.caller, target) !== undefined;
    });
  }

  #find({ host, port }: RelayTarget): RelayTarget | undefined {
    return this.#targets.find(host, port);
  }

  async #reload(server: RelayServer): Promise<void> {
    const { log } = this.#context;
    try {
      const config = loadRelayConfig(this.#configFile);
      const unused = changedStartKeys(this.#started, config);
      if (unused.length > 0)
        log.warning({
          message: `changed, but read only at the start: ${unused.join(", ")}`,
          hint: "Restart the relay to use the new values.",
        });
      const tls = await this.#loadCertificate();
      await this.#apply(config, tls.cert);
      server.setTls(tls);
      await this.#search();
      this.#endSessions(server, ({ target }) => this.#find(target));
      log.always("rdsiam: the relay's files have changed and are in use");
    } catch (error) {
      if (!(error instanceof RdsIamError)) throw error;
      const message = `the relay's files have changed and are not valid, so the previous ones stay in use: ${error.message}`;
      log.warning({ message, detail: error.detail, hint: error.hint });
    }
  }
}
