// The RDS root certificates that `rdsiam ca update` has fetched: files of PEM in the user's data directory.
// They are trusted beside the built-in ones, so only CA certificates that name RDS get in, and the files are checked again
// when they are read.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html

import { X509Certificate } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Environment } from "../base/context.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { pemBlocks, pemCertificates } from "../base/pem.ts";
import { readTrusted, writeTrusted } from "../base/trusted-file.ts";
import { dataDirectory } from "../system/directories.ts";

/** A CA certificate of RDS's own. */
export interface RdsRoot {
  /** PEM. */
  readonly pem: string;
  readonly fingerprint: string;
  /** Milliseconds since 1970. */
  readonly validTo: number;
  /** Undefined for intermediates, and for the roots of the beta and preview environments. */
  readonly region: string | undefined;
}

/** What the store has, and the files of it that cannot be used, one sentence each. */
export interface StoredRoots {
  readonly roots: readonly RdsRoot[];
  readonly problems: readonly string[];
}

/** The directory of the store. */
export function caDirectory(env: Environment, home: string): string {
  return join(dataDirectory(env, home), "ca");
}

/** Reads a certificate of RDS's own, which names its Region. */
export function readRoot(pem: string, certificate = new X509Certificate(pem)): RdsRoot {
  // CN=Amazon RDS eu-west-1 Root CA RSA2048 G1
  const region = /^CN=Amazon RDS ([a-z0-9-]+) Root CA/m.exec(certificate.subject)?.[1];
  const fingerprint = certificate.fingerprint256;
  return { pem, fingerprint, validTo: Date.parse(certificate.validTo), region };
}

/** Reads a bundle of RDS's own; one certificate that does not belong there spoils it. */
export function readRdsBundle(text: string, source: string, now: number): readonly RdsRoot[] {
  const place = (number: number): string => `${source}, certificate ${number}`;
  const blocks = pemBlocks(text).length;
  if (blocks === 0) throw badBundle(source, "it has no certificate");
  const begun = text.match(/-----BEGIN /g)?.length ?? 0;
  if (begun !== blocks) throw badBundle(source, "it is truncated or mixed up");
  const found = pemCertificates(text, (number, error) =>
    badBundle(place(number), "it cannot be read", error),
  );
  const roots = found.map(({ pem, certificate }, index) => {
    if (!certificate.ca) throw badBundle(place(index + 1), "it is not a CA certificate");
    if (!/^CN=Amazon RDS /m.test(certificate.subject)) {
      throw badBundle(place(index + 1), "it does not name RDS");
    }
    return readRoot(pem, certificate);
  });
  if (!roots.some(({ validTo, region }) => validTo > now && region !== undefined)) {
    throw badBundle(source, "every root in it has expired");
  }
  return roots;
}

function badBundle(source: string, reason: string, cause?: unknown): RdsIamError {
  return new RdsIamError(`${source}: ${reason}`, {
    code: "ERR_CERTIFICATE",
    detail: "A bundle of RDS has only CA certificates of RDS in it.",
    hint: "Try again later; what was stored before is still there.",
    cause,
  });
}

/** Loads the store; one that is not there is empty. */
export async function loadStoredRoots(directory: string, now: number): Promise<StoredRoots> {
  const roots: RdsRoot[] = [];
  const problems: string[] = [];
  const names = await readdir(directory).catch((error: unknown) => {
    const code = errorCode(error);
    if (code !== "ENOENT")
      problems.push(`${directory} cannot be read (${code}), so it is not used.`);
    return [];
  });
  for (const name of names.filter((each) => each.endsWith(".pem")).toSorted()) {
    const file = join(directory, name);
    try {
      roots.push(...readRdsBundle(readTrusted(file).toString("latin1"), file, now));
    } catch (error) {
      const reason = error instanceof RdsIamError ? error.message : `${file}: it cannot be read`;
      problems.push(`${reason}, so this file is not used.`);
    }
  }
  return { roots, problems };
}

/** Puts a bundle that was checked into the store, in one step; answers the file, which other users may read. */
export function storeBundle(directory: string, name: string, text: string): string {
  const file = join(directory, `${name}.pem`);
  writeTrusted(file, text, 0o644);
  return file;
}
