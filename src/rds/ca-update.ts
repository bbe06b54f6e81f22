// Fetches AWS's current bundle of RDS root certificates and stores it, after a look at each certificate.
// The server must prove to be AWS's with the Amazon roots that are built in; nothing else that this machine trusts, such as
// the CA of a proxy that inspects TLS, is used: what comes through here is trusted with databases.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html#UsingWithRDS.SSL.CertificatesAllRegions

import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { type Agent, request } from "node:https";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { partitionOf } from "../base/partitions.ts";
import { readRdsBundle, type RdsRoot, storeBundle } from "./ca-store.ts";

/** Which bundle; the global one of the partition `aws` without either. */
export interface BundleChoice {
  readonly region?: string | undefined;
  readonly partition?: string | undefined;
}

/** A bundle: its name in the store, and where AWS has it. */
export interface BundleSource {
  readonly name: string;
  readonly url: string;
}

/** How a bundle is fetched, and where it goes. */
export interface CaUpdateOptions {
  readonly source: BundleSource;
  readonly directory: string;
  /** PEM; the only certificates that the server is verified with. */
  readonly roots: readonly string[];
  /** Through a proxy, where there is one. */
  readonly agent?: Agent | undefined;
  readonly now?: (() => number) | undefined;
}

/** What was stored. */
export interface CaUpdate {
  readonly file: string;
  readonly roots: readonly RdsRoot[];
}

// Partitions without a known truststore are errors.
const TRUSTSTORES: Readonly<Record<string, string>> = {
  aws: "https://truststore.pki.rds.amazonaws.com",
  "aws-us-gov": "https://truststore.pki.us-gov-west-1.rds.amazonaws.com",
  "aws-cn": "https://rds-truststore.s3.cn-north-1.amazonaws.com.cn",
};
const TIME_LIMIT_MS = 30_000;
const LONGEST_BUNDLE = 2 * 1024 * 1024; // the global one has 165 kB

/** Where AWS has a bundle. */
export function bundleSource({ region, partition: named }: BundleChoice): BundleSource {
  const partition = region === undefined ? (named ?? "aws") : partitionOf(region).name;
  if (region !== undefined && named !== undefined && named !== partition) {
    throw new RdsIamError(`the Region ${region} is not in the partition ${named}`, {
      code: "ERR_USAGE",
      hint: "Give one of --region and --partition.",
    });
  }
  const base = Object.hasOwn(TRUSTSTORES, partition) ? TRUSTSTORES[partition] : undefined;
  if (base === undefined) {
    throw new RdsIamError(`no address is known for the RDS certificates of ${partition}`, {
      code: "ERR_USAGE",
      detail: `The partitions are: ${Object.keys(TRUSTSTORES).join(", ")}.`,
      hint: "Get the bundle as AWS's documentation says, and name the file: --sslrootcert FILE or rds_sslrootcert",
    });
  }
  return region === undefined
    ? { name: partition, url: `${base}/global/global-bundle.pem` }
    : { name: region, url: `${base}/${region}/${region}-bundle.pem` };
}

/** Fetches, checks and stores a bundle; on any error what was stored before stays. */
export async function updateCa(options: CaUpdateOptions): Promise<CaUpdate> {
  const { directory, source, now = Date.now } = options;
  const text = await fetchText(options);
  const roots = readRdsBundle(text, source.url, now());
  try {
    return { file: storeBundle(directory, source.name, text), roots };
  } catch (error) {
    if (error instanceof RdsIamError) throw error;
    throw new RdsIamError(`cannot store the bundle in ${directory}: ${errorCode(error)}`, {
      code: "ERR_CERTIFICATE",
      hint: "Check the directory's permissions, or set XDG_DATA_HOME.",
      cause: error,
    });
  }
}

async function fetchText({ source, roots, agent }: CaUpdateOptions): Promise<string> {
  const limit = AbortSignal.timeout(TIME_LIMIT_MS);
  try {
    const answer = await get(source.url, { ca: [...roots], agent, signal: limit });
    return await readText(answer, source.url);
  } catch (error) {
    if (error instanceof RdsIamError) throw error;
    throw fetchError(source.url, error, limit.aborted);
  }
}

interface GetOptions {
  readonly ca: string[];
  readonly agent: Agent | undefined;
  readonly signal: AbortSignal;
}

function get(url: string, { ca, agent, signal }: GetOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { ca, signal, minVersion: "TLSv1.2", rejectUnauthorized: true } as const;
    // No agent of the process's own: its pool may hold connections that were verified otherwise.
    request(url, { ...options, agent: agent ?? false })
      .once("response", resolve)
      .once("error", reject)
      .end();
  });
}

async function readText(answer: IncomingMessage, url: string): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LONGEST_BUNDLE) {
      answer.destroy();
      throw notABundle(url, "The answer is longer than any bundle.");
    }
    chunks.push(chunk);
  }
  if (answer.statusCode !== 200) {
    throw notABundle(url, `The server answered with status ${answer.statusCode}.`);
  }
  const announced = Number(answer.headers["content-length"] ?? length);
  if (!answer.complete || announced !== length) {
    throw notABundle(url, "The answer was cut off.");
  }
  return Buffer.concat(chunks).toString("latin1");
}

function notABundle(url: string, detail: string): RdsIamError {
  return new RdsIamError(`${url} did not return a bundle`, {
    code: "ERR_CERTIFICATE",
    detail,
    hint: "Check the Region's name, or try again later; what was stored before is still there.",
  });
}

function fetchError(url: string, error: unknown, isLate: boolean): RdsIamError {
  const code = errorCode(error, "no code");
  const isTrust = /^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|CERT_|ERR_TLS_CERT|UNKNOWN_ISSUER)/.test(
    code,
  );
  if (isTrust) {
    return new RdsIamError(`the certificate of ${new URL(url).host} cannot be verified`, {
      code: "ERR_CERTIFICATE",
      detail: `TLS ended with ${code}; only the built-in Amazon roots are trusted for this download.`,
      hint: "Where TLS is inspected, get the bundle on another network and name the file: --sslrootcert FILE",
      cause: error,
    });
  }
  const reason = isLate ? `it took longer than ${TIME_LIMIT_MS / 1_000} seconds` : code;
  return new RdsIamError(`cannot fetch ${url}: ${reason}`, {
    code: "ERR_CONNECT",
    hint: "Check the network, the VPN and HTTPS_PROXY; what was stored before is still there.",
    cause: error,
  });
}
