// An auth token for the stand-in's gateway, for clients that go there without rdsiam in between.
import { Signer } from "@aws-sdk/rds-signer";
import type { StandIn } from "../../src/demo/stand-in.ts";

/** Signs a token for a user with the stand-in's own key. */
export function gatewayToken(standIn: StandIn, username: string): Promise<string> {
  const { canonicalHost: hostname, gateway, key, region } = standIn;
  const { accessKeyId, secretAccessKey } = key;
  const credentials = { accessKeyId, secretAccessKey };
  return new Signer({ hostname, port: gateway.port, region, username, credentials }).getAuthToken();
}
