// Lets a person choose one of several on the terminal: filtered as they type, moved through with the arrows.
// The keys come from a program of the system, one read each, as the line of terminal-prompt.ts does: no runtime has to wait for
// a terminal that is not stdin, and what is typed ahead stays there for the tool.
import { Buffer } from "node:buffer";
import { type ChildProcess, spawnSync } from "node:child_process";
import process from "node:process";
import { Readable, Writable } from "node:stream";
import { AutocompletePrompt, isCancel } from "@clack/core";
import type { Offer } from "../base/context.ts";
import type { Color, Style } from "../base/style.ts";
import { tableLines } from "../base/table.ts";
import { startProgram } from "../runtime/start-program.ts";
import { onSignals } from "../runtime/stop-signals.ts";
import { SHELL } from "../system/program.ts";
import { TERMINAL } from "../system/terminal.ts";

const MOST_SHOWN = 10;
const HELP = "type to filter, arrows to move, Enter to choose, Esc to leave";
const ESCAPE = "\u001B";
// Enter stays a line end, since what is typed ahead is read by others.
const BARE = "-icanon -echo -isig -ixon";
// A key is one byte. What follows an ESC is the rest of an arrow's name, or is not there within a tenth of a second.
const ONE_BYTE = { min: 1, time: 0, size: 1 };
const REST_OF_ARROW = { min: 0, time: 1, size: 16 };

/** What is asked, and how it is shown. */
export interface PickerQuestion {
  readonly message: string;
  readonly choices: readonly Offer[];
  readonly style: Style;
  /** Where the programs are that read the terminal. */
  readonly path: string | undefined;
  /** Writes on the terminal. */
  readonly write: (text: string) => void;
}

/** Resolves with the value that was chosen; undefined for Esc and Ctrl-C. */
export async function pick(question: PickerQuestion): Promise<string | undefined> {
  const { choices, message, style, write } = question;
  const env = { PATH: question.path };
  const [saved = "", size = ""] = onTerminal(env, "stty -g; stty size").split("\n");
  const [rows = 24, columns = 80] = size.split(" ").map((text) => Number(text) || undefined);
  const lines = tableLines(
    choices.map((choice) => choice.columns),
    columns - 3,
  );
  const left = new AbortController();
  using keys = openKeys(env, saved, () => left.abort());
  const paintName = (label: string, color: Color | undefined): string =>
    color === undefined ? label : style(color, label);
  const prompt = new AutocompletePrompt({
    options: choices.map(({ value, columns: cells, color }, index) => ({
      value,
      label: paintName(lines[index] ?? value, color),
      text: cells.join(" ").toLowerCase(),
    })),
    filter: (typed, { text }) => words(typed).every((word) => text.includes(word)),
    validate: (value) => (value === undefined ? "nothing matches" : undefined),
    input: keys.input,
    output: Object.assign(outputOf(write), { columns, rows }),
    signal: left.signal,
    accessible: false,
    render() {
      if (this.state === "cancel") return "";
      const label = style("heading", `${message}:`);
      if (this.state === "submit") return `${label} ${String(this.value)}`;
      const count = Math.max(1, Math.min(MOST_SHOWN, rows - 4));
      const first = Math.max(0, Math.min(this.cursor - 1, this.filteredOptions.length - count));
      const shown = this.filteredOptions.slice(first, first + count);
      const more = this.filteredOptions.length - shown.length;
      return [
        `${label} ${this.userInput}_`,
        ...shown.map((each) =>
          each.value === this.focusedValue
            ? `> ${style("heading", each.label)}`
            : `  ${each.label}`,
        ),
        ...(shown.length === 0 ? ["  nothing matches"] : []),
        ...(more > 0 ? [`  ... and ${more} more`] : []),
        style("faint", HELP.slice(0, columns - 1)),
      ].join("\n");
    },
  });
  const answer = await prompt.prompt();
  return isCancel(answer) || answer === undefined ? undefined : String(answer);
}

function words(typed: string): string[] {
  return typed.toLowerCase().split(/\s+/).filter(Boolean);
}

function outputOf(write: PickerQuestion["write"]): Writable {
  return new Writable({
    decodeStrings: false,
    write: (text: string, _encoding, done) => {
      write(text);
      done();
    },
  });
}

type ReaderEnvironment = Readonly<Record<"PATH", string | undefined>>;

// The keys of the terminal as a stream, until it is disposed of; the terminal is then as it was. `left` is called when a signal
// ends the question, or the terminal has gone.
function openKeys(
  env: ReaderEnvironment,
  saved: string,
  left: () => void,
): Disposable & { readonly input: Readable } {
  let reader: ChildProcess | undefined;
  let isOpen = true;
  const input = new Readable({ read() {} });
  const close = (): void => {
    isOpen = false;
    reader?.kill("SIGKILL");
    onTerminal(env, 'stty "$1"', saved);
    interrupts[Symbol.dispose]();
    ends[Symbol.dispose]();
  };
  const interrupts = onSignals(["SIGINT"], left);
  const ends = onSignals(["SIGTERM", "SIGHUP"], (signal) => {
    close();
    process.kill(process.pid, signal);
  });
  const read = (how: typeof ONE_BYTE, before = ""): void => {
    if (!isOpen) return;
    const mode = `stty ${BARE} min ${how.min} time ${how.time} <${TERMINAL}`;
    const script = `${mode} && exec dd bs=${how.size} count=1 <${TERMINAL} 2>/dev/null`;
    const child = startProgram(
      { file: SHELL, args: ["-c", script] },
      { env, stdio: ["ignore", "pipe", "ignore"] },
    );
    reader = child;
    let text = before;
    child.stdout?.setEncoding("latin1").on("data", (chunk: string) => {
      text += chunk;
    });
    child.once("close", (status) => {
      if (!isOpen) return;
      if (status !== 0 || text === "") return left();
      if (text === ESCAPE && how === ONE_BYTE) return read(REST_OF_ARROW, text);
      input.push(Buffer.from(text.replace("\n", "\r"), "latin1"));
      // It may be the last key: what is typed behind it is not ours.
      setImmediate(read, ONE_BYTE);
    });
  };
  read(ONE_BYTE);
  return { input, [Symbol.dispose]: close };
}

function onTerminal(env: ReaderEnvironment, script: string, ...args: readonly string[]): string {
  const words = ["-c", `exec <${TERMINAL}; ${script}`, "sh", ...args];
  const ran = spawnSync(SHELL, words, { env, stdio: ["ignore", "pipe", "ignore"] });
  return ran.stdout.toString();
}
