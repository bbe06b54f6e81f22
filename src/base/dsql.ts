// What Aurora DSQL fixes for every cluster.
// https://docs.aws.amazon.com/aurora-dsql/latest/userguide/authentication-authorization.html

/** The user that a cluster begins with; the action of a token differs for this exact name. */
export const DSQL_ADMIN = "admin";

/** The only database of a cluster. */
export const DSQL_DATABASE = "postgres";
