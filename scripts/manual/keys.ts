// What each key of a target is, for the man page; a test asks for every key that the program knows.

/** Keys without their prefix `rds_`, in the manual's order. */
export const TARGET_KEYS: Readonly<Record<string, string>> = {
  host: "The database: an RDS endpoint, or a name that leads to one through CNAMEs; HOST or HOST:PORT.",
  port: "The database's port, 5432 when absent.",
  user: "The database user.",
  dbname: "The database; the user's name when absent.",
  region: "The Region to sign for, where the endpoint's name does not say it.",
  role_arn: "A role to assume on top of the profile's credentials.",
  external_id: "The external id for that role.",
  role_session_name: "The session name for that role.",
  duration_seconds: "The lifetime asked for that role, 900 to 43200.",
  mfa_serial: "The MFA device for that role.",
  cache: "on, or off to leave the AWS CLI's credential cache alone.",
  sign_host:
    "The RDS endpoint that the host stands for, where no CNAME shows it; HOST or HOST:PORT.",
  strict_host: "yes: fail when the host leads to another database than before.",
  read_only:
    "yes: every session starts with default_transaction_read_only. It guards against slips, not against who means it.",
  sslrootcert: "A file of root certificates, or system, instead of the built-in ones.",
  password_command:
    "A command, run by a shell, that prints the password for a login; it takes the place of IAM.",
  connect_timeout: "Seconds to connect, 10 when absent.",
  aws_timeout: "Seconds for one call to AWS, 15 when absent.",
  via: "A way there, as for --via.",
  local_port: "The local port of the proxy; 0, or absent, is any free one.",
  application_name: "Sets PGAPPNAME where it is not set.",
  dns_servers: "IP or IP:PORT, several with commas: CNAMEs and addresses are asked there.",
};

/** Other names of keys. */
export const KEY_SYNONYMS: Readonly<Record<string, string>> = {
  hostname: "host",
  username: "user",
  database: "dbname",
};
