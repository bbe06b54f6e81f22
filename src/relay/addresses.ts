// Which addresses a relay dials. A name on the list is not enough: whoever can change what DNS says of it would otherwise
// reach the metadata service, or the relay's own host. So without networks of its own a relay dials what a database can
// have, and with them nothing else.
// https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry

import { BlockList, isIP } from "node:net";
import { RdsIamError } from "../base/errors.ts";

/** Whether an address may be dialled. */
export type AddressRule = (address: string) => boolean;

// What no database has: this host, loopback, link-local with the metadata services, multicast, reserved, and the forms that
// lead to an IPv4 address (NAT64, 6to4; BlockList itself sees through ::ffff:). EC2's metadata service has fd00:ec2::254 too.
const NEVER: readonly string[] = [
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "192.0.0.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/96",
  "64:ff9b::/96",
  "64:ff9b:1::/48",
  "2002::/16",
  "fe80::/10",
  "ff00::/8",
  "fd00:ec2::/32",
];

/** Makes the rule for networks in CIDR notation; for all that a database can be in when there are none. */
export function addressRule(networks: readonly string[] | undefined): AddressRule {
  const isNamed = networks !== undefined && networks.length > 0;
  const list = blockList(isNamed ? networks : NEVER);
  return (address) => {
    const family = isIP(address);
    if (family === 0) return false;
    return list.check(address, family === 4 ? "ipv4" : "ipv6") === isNamed;
  };
}

/** Checks a network in CIDR notation. */
export function checkNetwork(text: string, place: string): string {
  const [, address = "", bits = ""] = /^([\d.]+|[\da-f:.]+)\/(\d{1,3})$/i.exec(text) ?? [];
  const family = isIP(address);
  if (family === 0 || Number(bits) > (family === 4 ? 32 : 128)) {
    throw new RdsIamError(`${place}: ${JSON.stringify(text)} is no network`, {
      code: "ERR_CONFIG",
      hint: "Write it in CIDR notation: 10.0.0.0/16",
    });
  }
  return text;
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits] = network.split("/");
    list.addSubnet(address, Number(bits), isIP(address) === 4 ? "ipv4" : "ipv6");
  }
  return list;
}
