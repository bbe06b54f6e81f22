// Strikes secrets out of a text: those of this run that somebody named, and whatever looks like one of AWS's.

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

/** Knows the secrets of a run. */
export class Redactor {
  readonly #secrets = new Set<string>();
  #known: RegExp | undefined;

  /** Names a secret, to be struck out in its own form, in a URL's and in a JSON string's, until what it returns is called. */
  add(secret: string): () => void {
    if (secret.length < SHORTEST_SECRET || this.#secrets.has(secret)) return () => {};
    this.#secrets.add(secret);
    this.#known = undefined;
    return () => {
      this.#secrets.delete(secret);
      this.#known = undefined;
    };
  }

  /** The text without any secret. */
  strike(text: string): string {
    const known = (this.#known ??= patternOf(this.#secrets));
    let clean = this.#secrets.size === 0 ? text : text.replaceAll(known, STRUCK_OUT);
    for (const [pattern, replacement] of PATTERNS) clean = clean.replaceAll(pattern, replacement);
    return clean;
  }
}

function patternOf(secrets: ReadonlySet<string>): RegExp {
  const forms = [...secrets].flatMap((secret) => [secret, urlForm(secret), jsonForm(secret)]);
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
