// Why a login failed, as one word of a bounded set: what a server, a user or a tool wrote never becomes a label.
// https://prometheus.io/docs/practices/naming/#labels
// https://www.postgresql.org/docs/current/errcodes-appendix.html
import { RdsIamError } from "../base/errors.ts";

// What RDS and PostgreSQL say to a login.
const SQLSTATES = new Set([
  "28000", // invalid_authorization_specification: "PAM authentication failed"
  "28P01", // invalid_password
  "3D000", // invalid_catalog_name
  "42501", // insufficient_privilege
  "53300", // too_many_connections
  "57P01", // admin_shutdown
  "57P03", // cannot_connect_now
]);
const CLASSES = new Set(["08", "0A", "22", "28", "42", "53", "54", "55", "57", "58", "XX"]);

/** The cause of a failed login: a code of rdsiam's own, a SQLSTATE of the backend's, a class of them ("57xxx"), or "other". */
export function failureCause(sqlState: string, cause: unknown): string {
  if (cause instanceof RdsIamError) return cause.code;
  if (cause !== undefined) return "ERR_INTERNAL";
  if (SQLSTATES.has(sqlState)) return sqlState;
  const group = sqlState.slice(0, 2);
  return CLASSES.has(group) && /^[0-9A-Z]{5}$/.test(sqlState) ? `${group}xxx` : "other";
}
