// Before it calls checkServerIdentity() Node makes objects of the whole chain, 0.4 ms in each login on Node 20. Not needed once
// onConnectSecure() (lib/_tls_wrap.js) does not ask for it any more.
import type { TLSSocket } from "node:tls";

/** Makes a TLS socket show its peer's own certificate alone: the name is in that one, and the chain has been verified by then. */
export function showLeafAlone(secured: TLSSocket): void {
  const leaf = secured.getPeerCertificate.bind(secured);
  secured.getPeerCertificate = (() => leaf()) as TLSSocket["getPeerCertificate"];
}
