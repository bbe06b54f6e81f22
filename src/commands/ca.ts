// `rdsiam ca update`: fetches AWS's current root certificates for RDS into the user's data directory.
import type { Invocation } from "../cli/options.ts";
import type { RunContext } from "../base/context.ts";

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
  const { amazonRoots } = await import("../rds/certificates.ts");
  const source = bundleSource({
    region: options.region ?? (env["RDSIAM_REGION"] || undefined),
    partition: options.partition ?? (env["RDSIAM_PARTITION"] || undefined),
  });
  log.verbose(`fetching ${source.url}`);
  const { file, roots: stored } = await updateCa({
    source,
    directory: caDirectory(env, home),
    roots: roots ?? (await amazonRoots()),
    agent: await proxyAgent(source.url, env),
  });
  const regions = new Set(stored.flatMap(({ region }) => (region === undefined ? [] : [region])));
  context.print(`${file}: ${stored.length} certificates of RDS in ${regions.size} Regions`);
  log.verbose(`Regions: ${[...regions].toSorted().join(", ")}`);
  return 0;
}
