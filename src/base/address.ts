// IP addresses and networks.
import { BlockList, isIP } from "node:net";

/** An IP address to dial. */
export interface Address {
  readonly address: string;
  /** 0 for a name that is looked up at the far end of a tunnel. */
  readonly family: 0 | 4 | 6;
}

/** Whether a text is a network in CIDR notation: 10.0.0.0/8 or fd00::/8. */
export function isNetwork(text: string): boolean {
  const [, address = "", bits = ""] = /^([\d.]+|[\da-f:.]+)\/(\d{1,3})$/i.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(bits) <= (family === 4 ? 32 : 128);
}

/** Whether an address is in one of the networks; a name is in none. */
export function networkRule(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits] = network.split("/");
    list.addSubnet(address, Number(bits), isIP(address) === 4 ? "ipv4" : "ipv6");
  }
  return (address) => {
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 4 ? "ipv4" : "ipv6");
  };
}
