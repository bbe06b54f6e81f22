// The login through a server of the old rds-auth-proxy: TLS ends there, the StartupMessage names the database (`host`) and
// brings the auth token (`password`), and what comes back is the answer to the server's own login.
// https://github.com/mothership/rds-auth-proxy/blob/main/pkg/proxy/proxy.go (ParseCredentials)

import { createSecureContext } from "node:tls";
import type { DatabaseEndpoint } from "./endpoint.ts";
import type { Backend, Verification } from "../proxy/backend.ts";
import { replaceParameters } from "../protocol/startup-packet.ts";
import type { RdsAuthProxyAddress } from "../via/parse-server.ts";

const PROBE_TIMEOUT = 10_000; // ms to see the certificate that a server shows

/** The backend's part of this tunnel; `dial` connects to the server. */
export function throughMiddleman(
  via: RdsAuthProxyAddress,
  { host, port }: Pick<DatabaseEndpoint, "host" | "port">,
  dial: NonNullable<Backend["dial"]>,
): Pick<Backend, "dial" | "middleman"> {
  let verification: Promise<Verification> | undefined;
  return {
    dial: async (signal, only) => {
      if (only === undefined) return dial(signal);
      throw (await import("../via/rds-auth-proxy.ts")).noCancel();
    },
    middleman: {
      // A certificate that the server made for itself is for localhost, whatever its address is.
      host: via.sslmode === "verify-full" ? via.host : "localhost",
      verification:
        via.sslmode === "disable"
          ? undefined
          : () => {
              verification ??= verify(via, dial);
              verification.catch(() => (verification = undefined));
              return verification;
            },
      // The server reads version 3.0 alone, and no options of the protocol.
      startup: (message, token) => {
        const parameters = message.parameters.filter(
          ({ name }) => !name.toString("latin1").startsWith("_pq_."),
        );
        const plain = { minor: 0, parameters };
        return replaceParameters(plain, { host: `${host}:${port}`, password: token });
      },
    },
  };
}

async function verify(
  via: RdsAuthProxyAddress,
  dial: NonNullable<Backend["dial"]>,
): Promise<Verification> {
  const { relayContext } = await import("../via/relay.ts");
  const { presentedCertificate, TLS_HINTS } = await import("../via/rds-auth-proxy.ts");
  const { ca, sslmode } = via;
  if (sslmode === "verify-full") {
    const trust = ca === undefined ? "the runtime's own CAs" : `those in ${ca}`;
    const context = await relayContext({ ca });
    return { secureContext: () => context, trust, hints: TLS_HINTS };
  }
  const limit = AbortSignal.timeout(PROBE_TIMEOUT);
  const { socket } = await dial(limit);
  const cert = await presentedCertificate(socket, via, limit);
  const context = createSecureContext({ ca: cert, minVersion: "TLSv1.2" });
  return { secureContext: () => context, trust: "the certificate that it showed first" };
}
