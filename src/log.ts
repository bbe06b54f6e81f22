// Everything that rdsiam itself says goes out here, on stderr, through one redactor. A text is not trusted to hold no
// secret because its author meant well: known secrets and whatever looks like one are struck out at the sink.

/** Where rdsiam's own lines go. */
export interface Log {
  /** A step, with --verbose. */
  readonly verbose: (text: string) => void;
  /** The one line for a person at a terminal; not with --quiet and not into a pipe. */
  readonly notice: (text: string) => void;
  /** A warning or an error: always. */
  readonly always: (text: string) => void;
  /** Names a secret of this run, to be struck out wherever it might turn up. */
  readonly addSecret: (secret: string) => void;
}

/** How a log is made. */
export interface LogOptions {
  readonly write: (text: string) => void;
  readonly verbose: boolean;
  readonly notices: boolean;
}

const STRUCK_OUT = "[secret]";
const SHORTEST_SECRET = 6; // an MFA code; anything shorter would strike out ordinary text

// What looks like a secret of AWS's: query parameters of an auth token, keys and session tokens, credentials in a URL.
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/(X-Amz-(?:Signature|Security-Token|Credential)(?:=|%3D))[^&\s"']+/gi, `$1${STRUCK_OUT}`],
  [
    /((?:aws_?)?(?:secret_?access_?key|session_?token)["']?\s*[=:]\s*["']?)[^\s"',}]+/gi,
    `$1${STRUCK_OUT}`,
  ],
  [/(\w+:\/\/[^\s/:@]+:)[^\s/@]+(@)/g, `$1${STRUCK_OUT}$2`],
  [/(PGPASSWORD=)\S+/g, `$1${STRUCK_OUT}`],
];

/** Makes a log. */
export function createLog(options: LogOptions): Log {
  const secrets = new Set<string>();
  const write = (text: string): void => options.write(`${redact(text, secrets)}\n`);
  return {
    verbose: (text) => {
      if (options.verbose) write(`rdsiam: ${text}`);
    },
    notice: (text) => {
      if (options.notices) write(`rdsiam: ${text}`);
    },
    always: write,
    addSecret: (secret) => {
      if (secret.length >= SHORTEST_SECRET) secrets.add(secret);
    },
  };
}

/** The text without the given secrets and without whatever looks like one. */
export function redact(text: string, secrets: Iterable<string> = []): string {
  let clean = text;
  for (const secret of secrets) {
    clean = clean.replaceAll(secret, STRUCK_OUT).replaceAll(encodeURIComponent(secret), STRUCK_OUT);
  }
  for (const [pattern, replacement] of PATTERNS) clean = clean.replaceAll(pattern, replacement);
  return clean;
}
