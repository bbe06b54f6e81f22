// What the process edge hands to everything below it.
import type { Log } from "./log.ts";
import type { Color, Style } from "./style.ts";
import type { Waiting } from "./waiting.ts";

/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** One of several to choose from. */
export interface Offer {
  readonly value: string;
  /** What is shown of it, in columns. */
  readonly columns: readonly string[];
  readonly color?: Color | undefined;
}

/** Lets a person choose, and resolves with the value; Esc and Ctrl-C are ERR_INTERRUPTED. */
export type Choose = (message: string, choices: readonly Offer[]) => Promise<string>;

/** The browser of the person at a terminal. */
export interface Browser {
  /** Whether a page can be opened from here. */
  readonly opens: boolean;
  /** Whether it runs on this machine, so that it reaches a port of 127.0.0.1 here. */
  readonly isHere: boolean;
  /** Opens a page of the web; whether a program for it was started. */
  readonly open: (page: string) => Promise<boolean>;
}

/** The terminal that a person is asked on; it belongs to the tool from giveAway() on. */
export interface Terminal {
  readonly isThere: () => boolean;
  /** Asks for one line; undefined at the end of input (Ctrl-D). Ctrl-C is ERR_INTERRUPTED. */
  readonly ask: (question: string) => Promise<string | undefined>;
  /** Undefined where nothing can be offered: without a terminal that can move its cursor, or in a script. */
  readonly chooser: () => Choose | undefined;
  /** Writes on the terminal; without one, nothing happens. */
  readonly write: (text: string) => void;
  readonly browser: () => Promise<Browser>;
  /** From now on no question may be asked: a tool has the terminal, or a proxy serves in the background. */
  readonly giveAway: () => void;
  readonly isGivenAway: () => boolean;
}

/** Asks for a yes or a no: an empty line is the usual answer, Ctrl-D a no. */
export async function agrees(
  terminal: Pick<Terminal, "ask">,
  question: string,
  usual: "yes" | "no" = "yes",
): Promise<boolean> {
  const answer = await terminal.ask(`${question} ${usual === "yes" ? "[Y/n]" : "[y/N]"} `);
  return answer !== undefined && /^y(?:es)?$/i.test(answer.trim() || usual);
}

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
  readonly terminal: Terminal;
  /** Shows on the terminal what is waited for. */
  readonly waiting: Waiting;
  /** Aborts when something in this process failed that was not caught: the tool is ended. */
  readonly failed: AbortSignal;
}
