// What the process edge hands to everything below it.
import type { Log } from "./log.ts";
import type { Style } from "./style.ts";
import type { Waiting } from "./waiting.ts";

/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the process edge hands in. */
export interface RunContext {
  readonly env: Environment;
  readonly home: string;
  readonly log: Log;
  /** Prints a line on stdout; for commands that run no tool. */
  readonly print: (line: string) => void;
  /** Paints what is printed, where stdout takes colour. */
  readonly style: Style;
  /** The columns of the terminal that stdout is; undefined when it is none. */
  readonly width: () => number | undefined;
  /** Says at the terminal what takes long. */
  readonly waiting: Waiting;
  /** Aborts when something in this process failed that nobody caught: the tool is ended. */
  readonly failed: AbortSignal;
}
