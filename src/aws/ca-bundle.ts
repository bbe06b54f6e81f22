// The CA certificates that AWS calls are verified with: AWS_CA_BUNDLE, else the profile's ca_bundle, else the runtime's.
// As in the AWS CLI a bundle replaces the runtime's own list.
// https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Environment } from "../base/context.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { pemCertificates } from "../base/pem.ts";
import type { ProfileValues } from "./profile-files.ts";

/** CA certificates for AWS calls, and what named their file. */
export interface CaBundle {
  /** PEM, one certificate each. */
  readonly certificates: readonly string[];
  readonly file: string;
  /** `AWS_CA_BUNDLE` or `ca_bundle`. */
  readonly name: string;
}

/** Loads the CA bundle for AWS calls; undefined where none is named. */
export async function loadCaBundle(
  env: Environment,
  profile: ProfileValues | undefined,
): Promise<CaBundle | undefined> {
  const fromEnvironment = env["AWS_CA_BUNDLE"] || undefined;
  const named = fromEnvironment ?? (profile?.get("ca_bundle")?.text || undefined);
  if (named === undefined) {
    return undefined;
  }
  const name = fromEnvironment === undefined ? "ca_bundle" : "AWS_CA_BUNDLE";
  const home = env["HOME"];
  const file = home !== undefined && named.startsWith("~/") ? join(home, named.slice(2)) : named;
  return { certificates: await readCertificates(file, name), file, name };
}

async function readCertificates(file: string, name: string): Promise<readonly string[]> {
  let text: string;
  try {
    text = await readFile(file, "latin1");
  } catch (error) {
    throw unusable(`cannot read the file of ${name}, ${file}: ${errorCode(error)}`, name, error);
  }
  const found = pemCertificates(
    text,
    (number, error) =>
      unusable(
        `certificate ${number} in the file of ${name}, ${file}, cannot be read`,
        name,
        error,
      ),
    "or trusted",
  );
  if (found.length === 0) {
    throw unusable(`there is no certificate in the file of ${name}, ${file}`, name, undefined);
  }
  return found.map(({ pem }) => pem);
}

function unusable(message: string, name: string, cause: unknown): RdsIamError {
  return new RdsIamError(message, {
    code: "ERR_CERTIFICATE",
    detail: "It is a PEM file: one or more blocks that begin with -----BEGIN CERTIFICATE-----.",
    hint: `Correct ${name}, or remove it to use the built-in certificates for AWS calls.`,
    cause,
  });
}
