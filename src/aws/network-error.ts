// Errors of AWS calls that do not get through: the proxy, the tunnel through it, or the certificate at its end.
// Only names, ports, codes and file names are in them; a proxy's password never.

import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import type { CaBundle } from "./ca-bundle.ts";
import type { ProxySetting } from "./proxy-setting.ts";

/** One attempt of a call: where it went, and how. */
export interface Attempt {
  /** HOST or HOST:PORT of the AWS service. */
  readonly service: string;
  readonly proxy: ProxySetting | undefined;
  /** The status of the proxy's answer to CONNECT, once there is one. */
  readonly tunnelStatus: number | undefined;
  readonly bundle: CaBundle | undefined;
}

/** Why a host could not be reached, by the code of the system or the runtime, as the end of a sentence. */
export const NETWORK_REASONS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ENOTFOUND: "its name does not exist",
    EAI_AGAIN: "its name cannot be looked up now",
    ECONNREFUSED: "the connection was refused",
    ECONNRESET: "the connection was cut",
    EPIPE: "the connection was cut",
    ETIMEDOUT: "it does not answer in time",
    EHOSTUNREACH: "there is no route to it",
    ENETUNREACH: "there is no network",
  }),
);

/** The codes with which TLS ends where a certificate is not trusted, or not the host's. */
export const CERTIFICATE_CODE =
  /^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|CERT_|ERR_TLS_CERT|UNKNOWN_ISSUER)/;

/** The error for a proxy that answered CONNECT, or a plain request, with a refusal. */
export function tunnelRefused(attempt: Attempt, status: number): RdsIamError | undefined {
  const { proxy, service } = attempt;
  if (proxy === undefined) {
    return undefined;
  }
  const without = `To go without the proxy: NO_PROXY=${hostOf(service)}`;
  const { address, authorization, variable } = proxy;
  if (status === 407) {
    const [detail, hint] =
      authorization === undefined
        ? [`It asks for a user name and a password, and ${variable} has none.`, "Set"]
        : [`It did not accept the user name and password in ${variable}.`, "Correct"];
    return new RdsIamError(`the proxy ${address} refused the call to ${service}: 407`, {
      code: "ERR_CONNECT",
      detail,
      hint: `${hint} ${variable}=http://USER:PASSWORD@${address}, with special characters as %XX (@ is %40). ${without}`,
    });
  }
  return new RdsIamError(`the proxy ${address} refused the call to ${service}: ${status}`, {
    code: "ERR_CONNECT",
    detail: `The proxy in ${variable} does not open connections to that host.`,
    hint: `Ask the proxy's administrators to allow it. ${without}`,
  });
}

/** The error for a failed attempt, or undefined where the caller knows no less. */
export function networkError(error: unknown, attempt: Attempt): RdsIamError | undefined {
  const code = errorCode(error, "");
  if (CERTIFICATE_CODE.test(code)) {
    return notTrusted(code, attempt, error);
  }
  const isTimeout = error instanceof Error && /^(TimeoutError|AbortError)$/.test(error.name);
  const hungUp = error instanceof Error && /CONNECT response/.test(error.message);
  const reason =
    NETWORK_REASONS.get(code) ??
    (isTimeout ? "it does not answer in time" : undefined) ??
    (hungUp ? "it closed the connection without an answer" : undefined);
  const { proxy, service, tunnelStatus } = attempt;
  if (proxy === undefined || reason === undefined) {
    return undefined;
  }
  if (tunnelStatus !== undefined) {
    return new RdsIamError(`${service} cannot be reached through the proxy ${proxy.address}`, {
      code: "ERR_CONNECT",
      detail: `The proxy opened the connection, and then ${reason}.`,
      hint: `Check the proxy; to go without it: NO_PROXY=${hostOf(service)}`,
      cause: error,
    });
  }
  return new RdsIamError(`the proxy ${proxy.address} cannot be reached`, {
    code: "ERR_CONNECT",
    detail: `${proxy.variable} names it for the call to ${service}, and ${reason}.`,
    hint: `Check ${proxy.variable}, the network and the VPN; to go without it: NO_PROXY=${hostOf(service)}`,
    cause: error,
  });
}

function notTrusted(code: string, attempt: Attempt, cause: unknown): RdsIamError {
  const { bundle, proxy, service, tunnelStatus } = attempt;
  const isProxys = proxy?.url.protocol === "https:" && tunnelStatus === undefined;
  const whose = isProxys ? `the proxy ${proxy.address}` : service;
  const through =
    proxy === undefined || isProxys ? "" : `, called through the proxy ${proxy.address}`;
  // Deno has one code for these and for a CA that is not known.
  if (/^CERT_(?:NOT_YET_VALID|HAS_EXPIRED)$/.test(code)) {
    return new RdsIamError(`the certificate of ${whose} is not valid at this time`, {
      code: "ERR_CERTIFICATE",
      detail: `TLS ended with ${code}${through}; this machine's clock says ${new Date().toISOString()}.`,
      hint: "If that is not the time, set the clock: timedatectl set-ntp true",
      cause,
    });
  }
  const trusted =
    bundle === undefined
      ? "the runtime's own list"
      : `the ${bundle.certificates.length} in ${bundle.file} (${bundle.name})`;
  const hint =
    bundle === undefined
      ? "If TLS is inspected on this network, name the file with its CA certificate: AWS_CA_BUNDLE=FILE"
      : `Add the CA that issued it to ${bundle.file}, or name another file in ${bundle.name}.`;
  return new RdsIamError(`the certificate of ${whose} cannot be verified`, {
    code: "ERR_CERTIFICATE",
    detail: `TLS ended with ${code}${through}; the trusted CA certificates are ${trusted}.`,
    hint,
    cause,
  });
}

function hostOf(service: string): string {
  return service.replace(/:\d+$/, "");
}
