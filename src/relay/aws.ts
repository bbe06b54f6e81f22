// What a relay asks AWS: who its clients are, and which databases there are. STS needs nobody's credentials for that, the
// search needs the relay's own; neither is opened before it is needed.

import type { Account } from "../session/account.ts";
import type { StsEndpoint } from "../aws/presigned-identity.ts";
import type { AwsCalls } from "../aws/sdk.ts";
import { loadConfiguration } from "../session/configuration.ts";
import { RdsIamError } from "../base/errors.ts";
import type { Options } from "../cli/options.ts";
import type { Found, Search } from "./targets.ts";
import type { RunContext } from "../base/context.ts";

/** Where STS is asked, and how AWS is called. */
export interface RelaySts extends StsEndpoint {
  readonly calls: AwsCalls;
}

/** The AWS account that a relay runs in. */
export class RelayAws {
  readonly #context: RunContext;
  readonly #options: Options;
  readonly #region: string | undefined;
  #account: Promise<Account> | undefined;

  constructor(context: RunContext, options: Options, region: string | undefined) {
    this.#context = context;
    this.#options = options;
    this.#region = region;
  }

  /** Where STS is asked: in the relay's Region, the account's, or the given one. */
  async sts(fallback: string | undefined): Promise<RelaySts> {
    const { stsIn } = await import("../aws/presigned-identity.ts");
    const account = await this.#open();
    const region = this.#region ?? account.region ?? fallback;
    if (region === undefined) {
      throw new RdsIamError("no Region in which to ask STS who the clients are", {
        code: "ERR_REGION",
        hint: "Add --region REGION, or region in the [relay] section of the relay's file.",
      });
    }
    const { calls } = account.callerIn(region);
    return { ...stsIn(region, calls), calls };
  }

  /** One search for each Region, with the relay's own credentials. */
  async searches(regions: readonly string[]): Promise<readonly Search[]> {
    if (regions.length === 0) return [];
    const account = await this.#open();
    return regions.map((region) => ({ region, run: () => search(account, region) }));
  }

  #open(): Promise<Account> {
    const open = async (): Promise<Account> => {
      const { openAccount } = await import("../session/account.ts");
      const loaded = await loadConfiguration(this.#context);
      return openAccount(this.#context, { options: this.#options, loaded });
    };
    return (this.#account ??= open());
  }
}

// Those that speak PostgreSQL with IAM authentication on. One without it has to be listed in the relay's file: nobody put
// it on the list on purpose otherwise.
async function search(account: Account, region: string): Promise<Found> {
  const { discoverDatabases } = await import("../aws/discover.ts");
  const { databases, failures } = await discoverDatabases(account.callerIn(region), {
    withTags: true,
  });
  return {
    targets: databases
      .filter(({ iam }) => iam)
      .map(({ name, host, port, tags }) => ({ name, host: host.toLowerCase(), port, tags })),
    problems: failures.map(({ error }) => error.message),
  };
}
