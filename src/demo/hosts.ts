// The stand-in's hosts, as AWS would name them, their certificate, and what its DNS says of them.
import { type Certificate, makeAuthority, makeLeaf } from "./certificates.ts";
import type { startDns } from "./dns.ts";
import { FRESH_DATABASE } from "./postgres-seed.ts";

export const REGION = "eu-west-1";
export const ACCOUNT = "123456789012";
const ZONE = `c1a2b3c4d5e6.${REGION}.rds.amazonaws.com`;
/** The Aurora cluster, and the one instance in it. */
export const CLUSTER_HOST = `orders.cluster-${ZONE}`;
export const INSTANCE_HOST = `orders-1.${ZONE}`;
/** The instance that knows nothing of IAM yet. */
export const FRESH_HOST = `${FRESH_DATABASE}.${ZONE}`;
const LEDGER = "ledger6abcdefghijklmnop234";
/** The Aurora DSQL cluster. */
export const LEDGER_HOST = `${LEDGER}.dsql.${REGION}.on.aws`;
/** The same through PrivateLink: with private DNS, and without. */
export const LEDGER_PRIVATE_HOST = `${LEDGER}.dsql-fnh4.${REGION}.on.aws`;
export const INTERFACE_HOST = `vpce-0123456789abcdef0-abcdefgh.dsql-fnh4.${REGION}.vpce.amazonaws.com`;
/** The Redshift cluster, and the workgroup. */
export const WAREHOUSE_HOST = `warehouse.c1a2b3c4d5e6.${REGION}.redshift.amazonaws.com`;
export const LAKE_HOST = `lake.${ACCOUNT}.${REGION}.redshift-serverless.amazonaws.com`;
/** The name of the cluster that people type. */
export const ALIAS = "orders.db.example.com";
const PRIMARY_ALIAS = "orders-primary.db.example.com";

const CERTIFIED_HOSTS = [
  CLUSTER_HOST,
  INSTANCE_HOST,
  FRESH_HOST,
  LEDGER_HOST,
  LEDGER_PRIVATE_HOST,
  WAREHOUSE_HOST,
  LAKE_HOST,
];

/** The records of its DNS. */
export function dnsZone(): Parameters<typeof startDns>[0] {
  const here = { a: ["127.0.0.1"] };
  const dialed = CERTIFIED_HOSTS.filter((host) => host !== CLUSTER_HOST);
  return {
    [ALIAS]: { cname: PRIMARY_ALIAS },
    [PRIMARY_ALIAS]: { cname: CLUSTER_HOST },
    [CLUSTER_HOST]: { cname: INSTANCE_HOST },
    ...Object.fromEntries([...dialed, INTERFACE_HOST].map((host) => [host, here])),
  };
}

/** A root, and a certificate for all of them. */
export async function makeCertificates(): Promise<{
  readonly authority: Certificate;
  readonly leaf: Certificate;
}> {
  const authority = await makeAuthority({
    subject: `CN=Amazon RDS ${REGION} Root CA ECC256 G1 (rdsiam stand-in), O=rdsiam stand-in`,
  });
  const leaf = await makeLeaf({
    subject: `CN=${CLUSTER_HOST.slice(0, 64)}`,
    names: CERTIFIED_HOSTS,
    issuer: authority,
  });
  return { authority, leaf };
}
