// What another program needs to connect to the database directly, without rdsiam in between: names, an auth token, and a file
// with the roots to verify in full. For `url` and `env`; valid for as long as the token is.
// libpq verifies `host` and dials `hostaddr` where there is one, which is how the two names stay apart.
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
import { createHash } from "node:crypto";
import { lookup } from "node:dns/promises";
import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import type { RunContext } from "../base/context.ts";
import { refuseOtherDatabase } from "../tool/tool-arguments.ts";
import { trustFor } from "./backend.ts";
import { type IamLogin, openIamLogin } from "./login.ts";
import { type TargetRequest, targetWords } from "./settings.ts";

/** A connection that any program can make until the token ends. */
export interface DirectConnection {
  /** The canonical host: what the certificate is verified against. */
  readonly host: string;
  /** The address to dial, where the host's own name does not resolve from here. */
  readonly hostaddr: string | undefined;
  readonly port: number;
  readonly user: string;
  readonly dbname: string;
  /** The auth token; a secret. */
  readonly password: string;
  /** An absolute path. */
  readonly sslrootcert: string;
  readonly expiresAt: Date;
}

/** Resolves a target and signs a token for it; a tunnel that must be held open is an ERR_VIA. */
export async function directConnection(
  context: RunContext,
  request: TargetRequest,
): Promise<DirectConnection> {
  const login = await openIamLogin(context, request);
  const address = await addressToDial(login);
  const sslrootcert = await rootsFile(context, login);
  const { dbname, endpoint } = login;
  refuseOtherDatabase(dbname);
  // Redshift names the user with the password.
  const { token: password, expiresAt, user } = await login.authToken(login.user);
  context.log.addSecret(password);
  return { ...address, host: endpoint.host, user, dbname, password, sslrootcert, expiresAt };
}

/** Prints on stderr until when a connection can be opened. */
export function printEnd({ log }: RunContext, { expiresAt }: DirectConnection): void {
  const minutes = Math.max(0, Math.round((expiresAt.getTime() - Date.now()) / 60_000));
  const end = expiresAt.toISOString().replace(/\.\d+/, "");
  log.always(
    `rdsiam: valid for new connections until ${end} (${minutes} min); open ones stay open`,
  );
}

async function addressToDial(
  login: IamLogin,
): Promise<Pick<DirectConnection, "hostaddr" | "port">> {
  const { endpoint, settings, via } = login;
  const { dialHost, host } = endpoint;
  if (via.kind === "forwarded-port") {
    const [address] = await tunnelAddresses(via.host);
    return { hostaddr: address, port: via.port };
  }
  if (via.kind !== "direct") {
    const { describeVia } = await import("../via/parse.ts");
    const words = targetWords(login);
    throw new RdsIamError("the database cannot be connected to directly", {
      code: "ERR_VIA",
      detail: `It is reached by ${describeVia(via)}, which rdsiam has to keep open.`,
      hint: `Run: rdsiam proxy ${words}, and connect to that; or rdsiam exec ${words} -- COMMAND.`,
    });
  }
  const { port } = settings;
  // Only rdsiam asks the DNS servers that the target names.
  if (dialHost === host && settings.dnsServers.length === 0) return { hostaddr: undefined, port };
  const [first] = await endpoint.addresses();
  return { hostaddr: first?.address, port };
}

/** The addresses of a tunnel that is open already; ERR_DNS when its name has none. */
async function tunnelAddresses(host: string): Promise<readonly string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch (error) {
    throw new RdsIamError(`cannot look up ${host}, the tunnel of --via`, {
      code: "ERR_DNS",
      hint: "Check --via, RDSIAM_VIA or rds_via.",
      cause: error,
    });
  }
}

// libpq reads one file: certificates that are in none yet are written beside the bundles of `rdsiam ca update`, not among them.
async function rootsFile(context: RunContext, login: IamLogin): Promise<string> {
  const { endpoint, settings } = login;
  const { kind, region } = endpoint;
  const { sslrootcert } = settings;
  const { caDirectory, storeBundle } = await import("../rds/ca-store.ts");
  const { certificates } = await trustFor(context, login);
  const isGiven = sslrootcert !== undefined && sslrootcert !== "system";
  if (isGiven && (await isFile(sslrootcert))) return resolve(sslrootcert);
  const directory = join(dirname(caDirectory(context.env, context.home)), "roots");
  const text = `${certificates.map((pem) => pem.trim()).join("\n")}\n`;
  const name = isGiven ? `given-${digest(text)}` : [kind, region, sslrootcert ?? "rds"].join("-");
  try {
    return storeBundle(directory, name, text);
  } catch (error) {
    if (error instanceof RdsIamError) throw error;
    const code = errorCode(error);
    throw new RdsIamError(`cannot write the root certificates to ${directory}: ${code}`, {
      code: "ERR_CERTIFICATE",
      detail: "A program that connects directly reads them from a file.",
      hint: "Make that directory writable, set XDG_DATA_HOME, or name a file: --sslrootcert FILE",
      cause: error,
    });
  }
}

// A directory, or several names with commas, is not.
async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}
