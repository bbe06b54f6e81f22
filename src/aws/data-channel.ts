// How a WebSocket of AWS's is dialed: through the environment's proxy, with the user's CA bundle, and that of a data channel
// signed, as the Session Manager plugin does it. https://github.com/aws/session-manager-plugin/blob/mainline/src/communicator/websocketchannel.go

import { Sha256 } from "@smithy/core/checksum";
import { HttpRequest } from "@smithy/core/protocols";
import { SignatureV4 } from "@smithy/signature-v4";
import { RdsIamError } from "../base/errors.ts";
import { loadCaBundle } from "./ca-bundle.ts";
import { signingKeys } from "./keys.ts";
import { networkError, tunnelRefused } from "./network-error.ts";
import { serviceAgent } from "./request-handler.ts";
import type { AwsCalls } from "./sdk.ts";
import type { AwsCaller } from "./rds-client.ts";
import type { SocketDial } from "../ssm/websocket.ts";

/** Signs the URL of StartSession for this moment. Without TLS it is taken only where the API itself is called without. */
export async function signedDial(
  { endpoint, url }: { readonly endpoint: string; readonly url: string },
  caller: AwsCaller,
): Promise<SocketDial> {
  const { protocol } = new URL(url);
  if (protocol !== "wss:" && !(protocol === "ws:" && endpoint.startsWith("http:"))) {
    throw new RdsIamError("Systems Manager returned no wss:// URL for the data channel", {
      code: "ERR_VIA",
      detail: `It begins with ${protocol}//.`,
      hint: "Check AWS_ENDPOINT_URL_SSM and the endpoint_url of the profile.",
    });
  }
  return { ...(await webSocketDial(url, caller.calls)), headers: await signature(url, caller) };
}

/** How a WebSocket with this URL is dialed. */
export async function webSocketDial(
  url: string,
  { env, profileValues }: AwsCalls,
): Promise<SocketDial> {
  const { hostname, port, protocol } = new URL(url);
  if (protocol === "ws:") return { url, headers: {}, agent: undefined, explain: () => undefined };
  const { agent, attempt } = serviceAgent(
    { protocol: "https:", hostname, port: Number(port || 443) },
    { env, bundle: await loadCaBundle(env, profileValues) },
  );
  const explain = (error: unknown): RdsIamError | undefined => {
    const { tunnelStatus = 200 } = attempt();
    return tunnelStatus === 200
      ? networkError(error, attempt())
      : tunnelRefused(attempt(), tunnelStatus);
  };
  return { url, headers: {}, agent, explain };
}

// Whether the service checks the signature is not known; one that is in the URL already is not doubled.
async function signature(
  url: string,
  { credentials, region }: AwsCaller,
): Promise<Readonly<Record<string, string>>> {
  const { host, hostname, pathname, searchParams } = new URL(url);
  if ([...searchParams.keys()].some((name) => name.startsWith("X-Amz-"))) return {};
  const signer = new SignatureV4({
    service: "ssmmessages",
    region,
    credentials: signingKeys(await credentials()),
    sha256: Sha256,
    applyChecksum: false,
  });
  const request = new HttpRequest({
    method: "GET",
    protocol: "https:",
    hostname,
    path: pathname,
    query: Object.fromEntries(searchParams),
    headers: { host },
  });
  const { host: _, ...signed } = (await signer.sign(request)).headers;
  return signed;
}
