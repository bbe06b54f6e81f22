// Strikes secrets out of a text: those of this run that were named, and what looks like one of AWS's.

const STRUCK_OUT = "[secret]";
const SHORTEST_SECRET = 6; // an MFA code; anything shorter would strike out ordinary text

// What looks like a secret: query parameters of an auth token, keys and session tokens, a password in a URL or a connection string.
// Each takes a time that grows with the text's length alone: \b, since every letter of a long word would be a beginning.
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/(X-Amz-(?:Signature|Security-Token|Credential)(?:=|%3D))[^&\s"']+/gi, `$1${STRUCK_OUT}`],
  [/((?:secret_?access_?key|session_?token)["']?\s*=\s*["']?)[^\s"',}]+/gi, `$1${STRUCK_OUT}`],
  [/((?:secret_?access_?key|session_?token)["']?:\s*["'])[^\s"',}]+/gi, `$1${STRUCK_OUT}`],
  // Without quotes a colon stands before words as well: "AWS_SECRET_ACCESS_KEY: it has a blank".
  [/((?:secret_?access_?key|session_?token):\s*)[\w+/=]{32,}/gi, `$1${STRUCK_OUT}`],
  // Not the [USER:PASSWORD@] of a hint.
  [/(\b\w+:\/\/[^\s/:@[]*:)(?!PASSWORD@)[^\s/]+(@)/g, `$1${STRUCK_OUT}$2`],
  // In a connection string, quoted for a shell or not, and among the parameters of a URL; a placeholder is none.
  [
    /(\b(?:ssl)?password\s*=\s*)(?:'\\''[^']*'\\''|'(?:[^'\\]|\\.)*'|[^\s&;'"{][^\s&;]*)/gi,
    `$1${STRUCK_OUT}`,
  ],
  [/(PGPASSWORD=)\S+/g, `$1${STRUCK_OUT}`],
];

/** Knows the secrets of a run. */
export class Redactor {
  // Each with how many have named it.
  readonly #secrets = new Map<string, number>();
  #known: RegExp | undefined;

  /** Names a secret, to be struck out in its own form, in a URL's and in a JSON string's, until what it returns is called. */
  add(secret: string): () => void {
    if (secret.length < SHORTEST_SECRET) return () => {};
    this.#count(secret, 1);
    let isTakenBack = false;
    return () => {
      if (!isTakenBack) this.#count(secret, -1);
      isTakenBack = true;
    };
  }

  #count(secret: string, change: 1 | -1): void {
    const before = this.#secrets.get(secret) ?? 0;
    const now = before + change;
    if (now === 0) this.#secrets.delete(secret);
    else this.#secrets.set(secret, now);
    if (before === 0 || now === 0) this.#known = undefined;
  }

  /** The text without any secret. */
  strike(text: string): string {
    const known = (this.#known ??= patternOf([...this.#secrets.keys()]));
    let clean = this.#secrets.size === 0 ? text : text.replaceAll(known, STRUCK_OUT);
    for (const [pattern, replacement] of PATTERNS) clean = clean.replaceAll(pattern, replacement);
    return clean;
  }
}

/**
 * Names secrets that follow one another for as long as the program runs; the oldest is taken back when there are more than
 * `most`: the pattern of thousands takes seconds to compile.
 */
export function recentSecrets(add: Redactor["add"], most: number): (secret: string) => void {
  const recent = new Map<string, () => void>();
  return (secret) => {
    if (recent.has(secret)) return;
    recent.set(secret, add(secret));
    const [oldest] = recent;
    if (recent.size <= most || oldest === undefined) return;
    recent.delete(oldest[0]);
    oldest[1]();
  };
}

function patternOf(secrets: readonly string[]): RegExp {
  const forms = secrets.flatMap((secret) => [secret, urlForm(secret), jsonForm(secret)]);
  // Longest first: a secret that begins another one would leave its end.
  const sorted = forms.toSorted((one, other) => other.length - one.length);
  return new RegExp(sorted.map(escapeForPattern).join("|"), "g");
}

function escapeForPattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
}

// Half of a surrogate pair has no URL form.
function urlForm(secret: string): string {
  try {
    return encodeURIComponent(secret);
  } catch {
    return secret;
  }
}

function jsonForm(secret: string): string {
  return JSON.stringify(secret).slice(1, -1);
}
