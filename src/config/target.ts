// A target: one database, as a profile or a section of our own file describes it.

import type { WrittenHost } from "../base/host-port.ts";

/** A database as the configuration describes it; undefined stands for a key that is not there. */
export interface Target {
  readonly name: string;
  /** The file that it was read from. */
  readonly file: string;
  /** The AWS profile for the credentials. */
  readonly profile: string | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  /** The canonical host on the user's word: no CNAME is followed. */
  readonly signHost: WrittenHost | undefined;
  /** Whether an alias that leads elsewhere than before is an error. */
  readonly strictHost: boolean | undefined;
  /** Whether every session starts with default_transaction_read_only. */
  readonly readOnly: boolean | undefined;
  readonly user: string | undefined;
  readonly dbname: string | undefined;
  readonly region: string | undefined;
  readonly roleArn: string | undefined;
  readonly externalId: string | undefined;
  readonly roleSessionName: string | undefined;
  readonly durationSeconds: number | undefined;
  readonly mfaSerial: string | undefined;
  /** Whether assumed roles may be kept in the AWS CLI's credential cache. */
  readonly cache: boolean | undefined;
  readonly sslrootcert: string | undefined;
  /** Run by a shell; prints the password for a login. */
  readonly passwordCommand: string | undefined;
  /** Seconds. */
  readonly connectTimeout: number | undefined;
  /** Seconds for one AWS call with its retries. */
  readonly awsTimeout: number | undefined;
  readonly applicationName: string | undefined;
  readonly dnsServers: readonly string[] | undefined;
  readonly via: string | undefined;
  /** Where the proxy listens on this machine. */
  readonly localPort: number | undefined;
  /** Whole sentences; a target with problems cannot be used. */
  readonly problems: readonly string[];
}
