// What a program hands to the library, and what it gets back. This file and errors.ts are the whole of dist/library.d.ts: they
// import nothing but Node's own types, so that a consumer's compiler needs none of ours.
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** AWS credentials, as the providers of the AWS SDK give them. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
}

/** A problem that stops nothing. */
export interface Warning {
  readonly message: string;
  /** The cause, as whole sentences. */
  readonly detail?: string | undefined;
  /** What to do. */
  readonly hint?: string | undefined;
}

/** Whose credentials sign the auth tokens, and for which Region; what is not given is found as the command line finds it. */
export interface SigningOptions {
  /** The AWS profile. */
  readonly profile?: string | undefined;
  /** Credentials of the program's own, or a function that gives them, such as a provider of the AWS SDK. */
  readonly credentials?:
    | AwsCredentials
    | (() => AwsCredentials | Promise<AwsCredentials>)
    | undefined;
  /** The Region to sign for; the endpoint's own when absent. */
  readonly region?: string | undefined;
  /** A role to assume on top of the credentials. */
  readonly roleArn?: string | undefined;
  readonly roleSessionName?: string | undefined;
  readonly externalId?: string | undefined;
  readonly durationSeconds?: number | undefined;
  /** Seconds for one call to AWS. */
  readonly awsTimeout?: number | undefined;
  /** False keeps assumed roles out of the AWS CLI's credential cache. */
  readonly cache?: boolean | undefined;
  /** Environment variables; the process's own when absent. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Called with what the command line would print on stderr; nothing is printed. */
  readonly onWarning?: ((warning: Warning) => void) | undefined;
}

/** What auth tokens are for. */
export interface AuthTokensOptions extends SigningOptions {
  /** A target of the configuration; what is given here wins over its keys. */
  readonly target?: string | undefined;
  /** The database: an RDS endpoint, or a CNAME that points to one. */
  readonly host?: string | undefined;
  /** The database's own port; 5432 when absent. */
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  /** Another name for user. */
  readonly username?: string | undefined;
  /** The RDS endpoint to sign for, HOST or HOST:PORT, where no CNAME points to it. */
  readonly signHost?: string | undefined;
  /**
   * A secret of AWS Secrets Manager to log in with instead of a token: its ARN, its name, or `auto` for the master user's, which
   * RDS manages. It is read anew when it is older than a minute.
   */
  readonly secret?: string | undefined;
  /** The name of the token source that makes the tokens; "default" when absent. */
  readonly rdsiam?: string | undefined;
}

/** A database to connect to. */
export interface ConnectionRequest extends AuthTokensOptions {
  /** The user's name when absent, as libpq has it. */
  readonly database?: string | undefined;
  /** Another name for database. */
  readonly dbname?: string | undefined;
  /** A file or directory of CA certificates, or "system"; the built-in RDS roots when absent. */
  readonly sslrootcert?: string | undefined;
  /** Where to dial instead: HOST:PORT of a tunnel that is open. */
  readonly via?: string | undefined;
  /**
   * Whether an alias that points elsewhere than before is an error, or a warning; when absent, another account or Region is an
   * error, another database of the same account a warning.
   */
  readonly strictHost?: boolean | undefined;
  /** Whether every session starts with default_transaction_read_only. */
  readonly readOnly?: boolean | undefined;
  readonly applicationName?: string | undefined;
  /** Seconds. */
  readonly connectTimeout?: number | undefined;
}

/** The TLS settings of a connection, as node:tls takes them. */
export interface TlsOptions {
  /** PEM certificates: these alone are trusted. */
  ca: string[];
  /** The canonical host; absent when that is an address. */
  servername?: string;
  minVersion: "TLSv1.2";
  rejectUnauthorized: true;
  /** Compares the certificate with the canonical host, whatever name was dialed. */
  checkServerIdentity: (name: string, certificate: object) => Error | undefined;
}

/** What node-postgres, postgres.js, and what is built on them take. */
export interface ConnectionOptions {
  host: string;
  port: number;
  user: string;
  database: string;
  /** Gives an auth token, or the secret's password; called by the driver for each new connection. */
  password: () => Promise<string>;
  ssl: TlsOptions;
  application_name?: string;
  /** For node-postgres, in milliseconds. */
  connectionTimeoutMillis?: number;
  /** For postgres.js, in seconds. */
  connect_timeout?: number;
  /** Settings of the session, for node-postgres. */
  options?: string;
  /** For node-postgres, where the configuration names DNS servers. */
  stream?: () => Socket;
  /** For postgres.js: dials, and sets what the session starts with. */
  socket: (driver?: object) => Promise<Duplex>;
}

/** The result for a connection string without a token source: node-postgres takes the string, other drivers the parts. */
export interface PlainConnectionOptions {
  connectionString?: string;
  host?: string;
  port?: number;
  user?: string;
  database?: string;
  password?: string;
  /** Present when sslmode asks for TLS; verified in full. */
  ssl?: boolean;
}

/** What a token is for, in RDS's own names. */
export interface TokenRequest {
  /** The canonical host. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly region: string;
}

/** Makes auth tokens, or gets passwords from elsewhere; called for each new connection. */
export type TokenSource = (request: TokenRequest) => string | Promise<string>;

/** The token sources by name; `default` is there from the start. */
export interface TokenSources {
  /** Registers a source; `build` is called once, when its first token is needed. */
  readonly add: (name: string, build: () => TokenSource | Promise<TokenSource>) => void;
  readonly remove: (name: string) => void;
  /** Forgets every source but the first `default`. */
  readonly reset: () => void;
}
