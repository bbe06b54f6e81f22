// What Amazon Redshift fixes for every cluster and workgroup.

/** The port of a cluster or workgroup, unless another one was chosen for it. */
export const REDSHIFT_PORT = 5439;

const REDSHIFT_HOST = /\.redshift(?:-serverless)?\.amazonaws\.com(?:\.cn)?\.?$/i;
const POSTGRESQL_PORT = 5432;

/** The port of a host where none is set; `redshift` is the setting that makes a name of one's own Redshift's. */
export function defaultPort(host: string, redshift?: string): number {
  return redshift !== undefined || REDSHIFT_HOST.test(host) ? REDSHIFT_PORT : POSTGRESQL_PORT;
}

/** The database that a cluster or workgroup begins with, unless another name was chosen for it. */
export const REDSHIFT_DATABASE = "dev";

/**
 * Stands for the IAM identity in place of a database user: Redshift then makes its own user of the role or user that asks,
 * IAMR:NAME or IAM:NAME. No user can be called so without quotes, as Redshift folds names to lower case.
 */
export const REDSHIFT_IDENTITY = "IAM";
