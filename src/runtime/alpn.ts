// The ALPN protocol of a client, in the form that costs the least: not needed once convertALPNProtocols() (Node's lib/tls.js)
// takes no memory of the pool.
import process from "node:process";
import type { ConnectionOptions } from "node:tls";

/** One protocol, for tls.connect(). */
export function alpnProtocol(name: string): ConnectionOptions["ALPNProtocols"] {
  // Deno takes nothing but the list.
  if ("deno" in process.versions) return [name];
  // As it goes over the wire (RFC 7301): of a list of names Node makes a Buffer that each connection keeps, and with it 8 KB
  // of the pool that small Buffers share.
  return new DataView(Uint8Array.from([name.length, ...new TextEncoder().encode(name)]).buffer);
}
