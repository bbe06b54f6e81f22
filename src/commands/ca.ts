// `rdsiam ca update`: fetches AWS's current root certificates for RDS into the user's data directory.
import { countText } from "../base/count.ts";
import type { Invocation } from "../cli/options.ts";
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import { givenText } from "../config/given.ts";

/** Fetches, checks and stores a bundle, and prints what is in it; AWS's server is verified with `roots`, the built-in ones but in tests. */
export async function runCaUpdate(
  context: RunContext,
  { options }: Invocation,
  roots?: readonly string[],
): Promise<number> {
  const { env, home, log } = context;
  const { caDirectory } = await import("../rds/ca-store.ts");
  const { proxyAgent } = await import("../aws/proxy-setting.ts");
  const { bundleSource, updateCa } = await import("../rds/ca-update.ts");
  const { amazonRoots, builtInRegions } = await import("../rds/certificates.ts");
  const region = givenText({ options, env }, "region")?.text;
  const source = bundleSource({
    region,
    partition: options.partition ?? (env["RDSIAM_PARTITION"] || undefined),
  });
  log.verbose(`fetching ${source.url}`);
  const updating = updateCa({
    source,
    directory: caDirectory(env, home),
    roots: roots ?? (await amazonRoots()),
    agent: await proxyAgent(source.url, env),
  });
  const { file, roots: stored } = await updating.catch(async (error: unknown) => {
    const known = await builtInRegions();
    if (region === undefined || known.includes(region)) throw error;
    throw unknownRegion(region, known, error);
  });
  const regions = new Set(stored.flatMap(({ region }) => (region === undefined ? [] : [region])));
  context.print(
    `${file}: ${countText(stored.length, "certificate")} of RDS in ${countText(regions.size, "Region")}`,
  );
  log.verbose(`Regions: ${[...regions].toSorted().join(", ")}`);
  return 0;
}

// Regions appear: one that is not known may be new, and is fetched all the same.
function unknownRegion(region: string, known: readonly string[], cause: unknown): unknown {
  if (!(cause instanceof RdsIamError)) return cause;
  const near = nearestName(region, known);
  return new RdsIamError(`no RDS certificates for the Region "${region}"`, {
    code: cause.code,
    detail: `It is not a Region that this version knows, and ${cause.message}.`,
    hint: near === undefined ? "Check the Region's name." : `Did you mean ${near}?`,
    cause,
  });
}
