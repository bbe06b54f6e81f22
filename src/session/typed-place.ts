// Where a database is when its logins are not IAM's: at the name that was typed, which is the verified one too, unless
// --sign-host says another. Passwords go there, so no CNAME is followed: DNS must not choose whose certificate counts.
// No AWS credentials are asked for, but by a way that goes through AWS.
import type { CredentialSource } from "../aws/credentials.ts";
import type { Settings } from "../config/settings.ts";
import { type Identity, openIdentity } from "./identity.ts";
import type { Place } from "./endpoint.ts";
import type { RunContext } from "../base/context.ts";
import type { Settled } from "./session.ts";
import { openWay, readWay, type Way } from "./tunnel.ts";

/** A database at the name that was typed. */
export interface TypedPlace extends Pick<
  Place,
  "addresses" | "dialHost" | "host" | "kind" | "port" | "region"
> {
  readonly settings: Settings;
  /** Of a way that goes through AWS. */
  readonly credentials: CredentialSource;
  /** Gets what the way needs of AWS; resolves with whose credentials they are, or nothing. */
  readonly identify: () => Promise<string | undefined>;
  readonly giveTerminalAway: () => void;
  readonly openWay: () => Promise<Way>;
}

/** Finds out where the database is, as far as one can without connecting. */
export async function typedPlace(context: RunContext, settled: Settled): Promise<TypedPlace> {
  const { settings, loaded } = settled;
  const way = await readWay(context, settings);
  const { normalizeHost, parseEndpoint } = await import("../rds/endpoint.ts");
  const { nameResolver } = await import("../rds/resolver.ts");
  const dialHost = normalizeHost(settings.host);
  const host = normalizeHost(settings.signHost?.host ?? settings.host);
  const port = settings.signHost?.port ?? settings.port;
  const endpoint = parseEndpoint(host);
  const region = settings.region ?? endpoint?.region ?? settings.profileRegion ?? "us-east-1";
  context.log.verbose(`verified: ${host}`);
  context.log.verbose(`dialled: ${dialHost}:${settings.port}`);
  const resolver = nameResolver(settings.dnsServers);
  const addresses = () => resolver.addresses(dialHost);
  const identity = lateIdentity(() => openIdentity(context, { settings, loaded, region }));
  const { credentials, giveTerminalAway } = identity;
  const identify = async (): Promise<string | undefined> =>
    way.kind === "ssm" ? (await credentials()).source : undefined;
  const kind = endpoint?.kind ?? "unknown";
  const place = { settings, host, port, dialHost, kind, region, addresses, credentials };
  const open = (): Promise<Way> => openWay(context, { ...place, loaded });
  return { ...place, identify, giveTerminalAway, openWay: open };
}

// Opened once somebody asks for it; the terminal may be given away before.
function lateIdentity(
  open: () => Promise<Identity>,
): Pick<Identity, "credentials" | "giveTerminalAway"> {
  let opened: Promise<Identity> | undefined;
  let isAway = false;
  return {
    credentials: async () => {
      const identity = await (opened ??= open());
      if (isAway) identity.giveTerminalAway();
      return identity.credentials();
    },
    giveTerminalAway: () => {
      isAway = true;
      void opened?.then((identity) => identity.giveTerminalAway());
    },
  };
}
