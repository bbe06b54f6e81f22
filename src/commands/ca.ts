// `rdsiam ca update`: fetches AWS's current root certificates for RDS into the user's data directory.
import { readFile } from "node:fs/promises";
import { RdsIamError } from "../base/errors.ts";
import type { Invocation } from "../cli/options.ts";
import type { RunContext } from "../base/context.ts";

interface Server {
  readonly url: string;
  readonly roots: readonly string[];
}

/** Fetches, checks and stores a bundle, and says what is in it. */
export async function runCaUpdate(context: RunContext, { options }: Invocation): Promise<number> {
  const { env, home, log } = context;
  const { caDirectory } = await import("../rds/ca-store.ts");
  const { proxyAgent } = await import("../aws/proxy-setting.ts");
  const { bundleSource, updateCa } = await import("../rds/ca-update.ts");
  const source = bundleSource({
    region: options.region ?? (env["RDSIAM_REGION"] || undefined),
    partition: options.partition ?? (env["RDSIAM_PARTITION"] || undefined),
  });
  const { url, roots } = (await testServer(context)) ?? (await awsServer(source.url));
  log.verbose(`fetching ${url}`);
  const { file, roots: stored } = await updateCa({
    source: { name: source.name, url },
    directory: caDirectory(env, home),
    roots,
    agent: await proxyAgent(url, env),
  });
  const regions = new Set(stored.flatMap(({ region }) => (region === undefined ? [] : [region])));
  context.print(`${file}: ${stored.length} certificates of RDS in ${regions.size} Regions`);
  log.verbose(`Regions: ${[...regions].toSorted().join(", ")}`);
  return 0;
}

async function awsServer(url: string): Promise<Server> {
  const { amazonRoots } = await import("../rds/certificates.ts");
  return { url, roots: await amazonRoots() };
}

// For tests alone: "https://localhost:PORT/... FILE", a server on this very machine and the root that it is verified with.
// Nothing but loopback is taken, and it is said aloud, so that no forgotten variable can redirect anybody's trust.
async function testServer({ env, log }: RunContext): Promise<Server | undefined> {
  const value = env["RDSIAM_TEST_TRUSTSTORE"] || undefined;
  if (value === undefined) return undefined;
  const [, url, file] = /^(https:\/\/localhost:\d+\/\S*) (\S+)$/.exec(value) ?? [];
  if (url === undefined || file === undefined) {
    throw new RdsIamError("RDSIAM_TEST_TRUSTSTORE is not for use", {
      code: "ERR_USAGE",
      detail: "It is for rdsiam's own tests, and takes a server on localhost alone.",
      hint: "Unset it.",
    });
  }
  log.warning({ message: `RDSIAM_TEST_TRUSTSTORE is set: ${url} stands in for AWS` });
  return { url, roots: [await readFile(file, "utf8")] };
}
