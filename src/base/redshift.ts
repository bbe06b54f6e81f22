// What Amazon Redshift fixes for every cluster and workgroup.

/** The port of a cluster or workgroup, unless another one was chosen for it. */
export const REDSHIFT_PORT = 5439;

/** The database that a cluster or workgroup begins with, unless another name was chosen for it. */
export const REDSHIFT_DATABASE = "dev";

/**
 * Stands for the IAM identity in place of a database user: Redshift then makes its own user of the role or user that asks,
 * IAMR:NAME or IAM:NAME. No user can be called so without quotes, as Redshift folds names to lower case.
 */
export const REDSHIFT_IDENTITY = "IAM";
