// The tags of databases. A member has those of its cluster besides its own, and an RDS Proxy those of what it connects to, so
// one key can have several values. Tags that could not be listed are not known, which is not the same as none.

/** The tags of a database: its own, then those of what it belongs to; undefined where not all of them are known. */
export type Tags = readonly Readonly<Record<string, string>>[] | undefined;

/** A tag; any value when `value` is undefined. */
export interface TagPattern {
  readonly key: string;
  readonly value: string | undefined;
}

/** Reads KEY=VALUE, or KEY. */
export function readTag(text: string): TagPattern {
  const at = text.indexOf("=");
  if (at < 0) return { key: text, value: undefined };
  return { key: text.slice(0, at), value: text.slice(at + 1) };
}

/** Whether a database is known to have a tag. */
export function hasTag(tags: Tags, { key, value }: TagPattern): boolean {
  return (tags ?? []).some(
    (own) => Object.hasOwn(own, key) && (value === undefined || own[key] === value),
  );
}
