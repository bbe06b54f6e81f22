// Chooses the instance that `--via ssm` goes through: the one that worked last for this database, else the nearest that is
// online. One that turns out to be gone, or not allowed, is replaced by the next.
// What is remembered is a shortcut alone: the connection is verified against the database's name whatever carries it.
import type { DatabaseNetwork } from "../aws/database-network.ts";
import type {
  FoundInstances,
  InstanceTag,
  JumpInstance,
  Unfitness,
  UnfitInstance,
} from "../aws/jump-instances.ts";
import type { AwsCaller } from "../aws/rds-client.ts";
import type { PortForwarding } from "../aws/ssm-session.ts";
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import type { StartedSession } from "../ssm/session.ts";
import type { StartSsmSession } from "../via/ssm.ts";
import type { DatabaseEndpoint } from "./endpoint.ts";

/** Opens a session of Systems Manager on an instance. */
export type StartOnInstance = (forwarding: PortForwarding) => Promise<StartedSession>;

/** The database to be reached, and who asks. */
export interface JumpRequest {
  readonly endpoint: Pick<DatabaseEndpoint, "host" | "kind">;
  readonly caller: AwsCaller;
  /** Undefined for any instance of the VPC. */
  readonly tag: InstanceTag | undefined;
}

type JumpContext = Pick<RunContext, "env" | "home" | "log" | "waiting">;

const MOST_REFUSALS = 5; // instances that are tried for one session
const MOST_SHOWN = 5; // instances that an error has a sentence about
const WAYS = "Without it, name the instance: {--via} ssm://i-...";

const PLACES: Readonly<Record<JumpInstance["nearness"], string>> = {
  subnet: "in a subnet of the database",
  zone: "in the database's availability zone",
  vpc: "in the database's VPC",
};

// What to do about the one that lacks least.
const REMEDIES: Readonly<Record<Unfitness, (instance: UnfitInstance) => string>> = {
  "other-vpc": ({ id }) =>
    `If that VPC is connected with the database's, name the instance: {--via} ssm://${id}`,
  "old-agent": ({ id }) =>
    `Update the agent: aws ssm send-command --document-name AWS-UpdateSSMAgent --instance-ids ${id}`,
  refused: () =>
    "Allow ssm:StartSession on the instance and on the document AWS-StartPortForwardingSessionToRemoteHost.",
  offline: ({ id }) =>
    `Restart the instance or its agent: aws ec2 reboot-instances --instance-ids ${id}`,
  stopped: ({ id }) => `Start it: aws ec2 start-instances --instance-ids ${id}`,
  "no-agent": () =>
    "Give an instance the SSM agent, the policy AmazonSSMManagedInstanceCore in its role, and a route to Systems Manager.",
};

/** Chooses an instance now, and makes the function that starts sessions on it, or on another when it is gone. */
export async function startOnNearest(
  context: JumpContext,
  request: JumpRequest,
  start: StartOnInstance,
): Promise<StartSsmSession> {
  const choice = new JumpChoice(context, request);
  await choice.current();
  return async (destination) => {
    const { instanceFailure } = await import("../aws/ssm-session.ts");
    for (;;) {
      const target = await choice.current();
      try {
        const session = await start({ ...destination, target });
        await choice.worked(target);
        return session;
      } catch (error) {
        const why = instanceFailure(error);
        if (why === undefined) throw error;
        choice.failed(target, why);
      }
    }
  };
}

// One choice at a time, however many sessions are started.
class JumpChoice {
  readonly #context: JumpContext;
  readonly #request: JumpRequest;
  /** Why, by the instance. */
  readonly #refusals = new Map<string, string>();
  #network: DatabaseNetwork | undefined;
  #choosing: Promise<string> | undefined;
  #chosen: string | undefined;
  #isNew = false;

  constructor(context: JumpContext, request: JumpRequest) {
    this.#context = context;
    this.#request = request;
  }

  current(): Promise<string> {
    this.#choosing ??= this.#choose().then((id) => (this.#chosen = id));
    this.#choosing.catch(() => (this.#choosing = undefined));
    return this.#choosing;
  }

  async worked(id: string): Promise<void> {
    this.#refusals.clear();
    if (id === this.#chosen && this.#isNew) await this.#remember(id);
  }

  failed(id: string, why: string): void {
    if (this.#refusals.has(id)) return;
    this.#refusals.set(id, why);
    this.#context.log.verbose(`tunnel: ${id} ${why}`);
    if (id === this.#chosen) this.#choosing = undefined;
  }

  async #choose(): Promise<string> {
    const { log } = this.#context;
    const known = this.#refusals.size === 0 ? await this.#known() : undefined;
    if (known !== undefined) {
      this.#isNew = false;
      log.verbose(`tunnel: ${known} carried the last connection to this database`);
      return known;
    }
    const found = await this.#find();
    const next = found.fit.find(({ id }) => !this.#refusals.has(id));
    if (next === undefined || this.#refusals.size === MOST_REFUSALS) {
      const error = this.#none(found);
      // The next login may find them again.
      this.#refusals.clear();
      throw error;
    }
    this.#isNew = true;
    log.notice(`through ${shown(next)} by Session Manager, ${PLACES[next.nearness]}`);
    return next.id;
  }

  async #find(): Promise<FoundInstances> {
    const { caller, endpoint, tag } = this.#request;
    const { waiting } = this.#context;
    const { databaseNetwork } = await import("../aws/database-network.ts");
    const { findJumpInstances } = await import("../aws/jump-instances.ts");
    const asking = databaseNetwork(endpoint, caller, WAYS);
    this.#network ??= await waiting.for("the RDS API", asking);
    const search = { network: this.#network, tag, ways: WAYS };
    return waiting.for("EC2 and Systems Manager", findJumpInstances(caller, search));
  }

  #none({ unfit, fit }: FoundInstances): RdsIamError {
    const { caller, endpoint, tag } = this.#request;
    const { vpc = "" } = this.#network ?? {};
    const which =
      tag === undefined ? "instance" : `instance whose tag ${tag.key} is ${tag.pattern}`;
    const refused = fit.flatMap(({ id, name }): readonly UnfitInstance[] => {
      const why = this.#refusals.get(id);
      return why === undefined ? [] : [{ id, name, kind: "refused", why }];
    });
    const order = Object.keys(REMEDIES);
    const all = [...refused, ...unfit].toSorted(
      (one, other) => order.indexOf(one.kind) - order.indexOf(other.kind),
    );
    const [first] = all;
    const sentences = all.slice(0, MOST_SHOWN).map((each) => `${shown(each)} ${each.why}`);
    if (all.length > MOST_SHOWN)
      sentences.push(`${all.length - MOST_SHOWN} more are not suitable either`);
    const nothing =
      tag === undefined
        ? `EC2 shows no instance in ${vpc}, and Systems Manager none that is online elsewhere`
        : `EC2 returned no such instance in ${caller.region}`;
    return new RdsIamError(`no ${which} can carry the connection to ${endpoint.host} in ${vpc}`, {
      code: "ERR_VIA",
      detail: `${first === undefined ? nothing : sentences.join("; ")}.`,
      hint:
        first === undefined
          ? "Start an instance with the SSM agent in that VPC, or choose another tunnel: {--via}."
          : REMEDIES[first.kind](first),
    });
  }

  // The file is a shortcut: where it cannot be used, the choice is made anew.
  async #known(): Promise<string | undefined> {
    const { file, key, knownHosts } = await this.#memory();
    try {
      const id = knownHosts.knownInstance(file, key);
      return id !== undefined && /^i-[0-9a-f]{8,17}$/.test(id) ? id : undefined;
    } catch {
      return undefined;
    }
  }

  async #remember(id: string): Promise<void> {
    const { file, key, knownHosts } = await this.#memory();
    this.#isNew = false;
    try {
      knownHosts.rememberInstance(file, key, id);
    } catch (error) {
      const why = error instanceof Error ? error.message : "it failed";
      this.#context.log.verbose(`cannot remember in ${file} that ${id} works: ${why}`);
    }
  }

  async #memory() {
    const { endpoint, tag } = this.#request;
    const { env, home } = this.#context;
    const knownHosts = await import("../rds/known-hosts.ts");
    const file = knownHosts.knownInstancesFile(env, home);
    const suffix = tag === undefined ? "" : `?${encodeURIComponent(`${tag.key}=${tag.pattern}`)}`;
    return { file, key: `${endpoint.host}${suffix}`, knownHosts };
  }
}

function shown({ id, name }: Pick<JumpInstance, "id" | "name">): string {
  return name === undefined ? id : `${id} (${name})`;
}
