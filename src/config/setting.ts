// What config/keys.ts says of each setting.

import type { ValueType } from "./value-types.ts";

/** What a completion can list for a value. */
export type ValueKind = "tunnel" | "profile" | "region" | "target" | "file" | "directory" | "host";

/** The option of a setting. */
export interface SettingOption {
  /** Where the option is not called as the setting is. */
  readonly name?: string | undefined;
  readonly short?: string | undefined;
  /** The value's name in help texts; a flag has none. */
  readonly value?: string | undefined;
  /** The value where none is given; one is then given as --name=VALUE alone. */
  readonly bare?: string | undefined;
  readonly completes?: ValueKind | undefined;
  readonly rare?: boolean | undefined;
  /** Its heading in the help texts. */
  readonly group: "Database" | "AWS";
  readonly commands: readonly string[];
}

/** One setting. */
export interface Setting {
  /** For help texts and completions: no capital letter, no full stop. */
  readonly summary: string;
  /** For the man page and the reference, where the summary is not enough: whole sentences. */
  readonly about?: string | undefined;
  readonly type: ValueType<unknown>;
  readonly default?: unknown;
  /** Its option, or why there is none. */
  readonly option: SettingOption | string;
  /** Why no environment variable sets it. */
  readonly noVariable?: string | undefined;
  /** Why it is not a key of a target. */
  readonly noKey?: string | undefined;
  /** Another name of the key. */
  readonly synonym?: string | undefined;
  /** Whether an error must not show the value. */
  readonly secret?: boolean | undefined;
}
