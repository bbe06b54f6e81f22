// A pseudo-terminal that a test types into and reads from; it waits for what is shown, never for a time.
import { spawn } from "@lydell/node-pty";

// Only a hang takes as long.
const TIMEOUT_MS = 30_000;

/** A terminal with one program on it. */
export interface Terminal extends AsyncDisposable {
  readonly pid: number;
  /** Waits for the text, answers it and forgets everything up to its end. */
  readonly shows: (wanted: RegExp) => Promise<string>;
  readonly type: (text: string) => void;
  /** Resolves when the program has ended. */
  readonly exited: Promise<{ readonly exitCode: number; readonly signal?: number | undefined }>;
  /** Closes the terminal's window: the kernel hangs up. */
  readonly close: () => void;
}

/** Starts a program on a terminal of its own. */
export function openTerminal(
  [file = "", ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
): Terminal {
  // Wide, so that readline does not fold the lines that are typed.
  const size = { cols: 300, rows: 24 };
  // Texts are looked for as they are; a test of colour sets NO_COLOR to nothing.
  const own = { TERM: "xterm", NO_COLOR: "1" };
  const pty = spawn(file, [...args], { ...size, env: { ...own, ...env } });
  let output = "";
  let onOutput: () => void = () => {};
  pty.onData((data) => {
    output += data;
    onOutput();
  });
  let running = true;
  const exited = new Promise<{ exitCode: number; signal?: number | undefined }>((resolve) => {
    pty.onExit((exit) => {
      running = false;
      resolve(exit);
    });
  });
  const shows = (wanted: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const fail = (): void => reject(new Error(`no ${wanted} in ${JSON.stringify(output)}`));
      const deadline = setTimeout(fail, TIMEOUT_MS);
      onOutput = () => {
        const found = wanted.exec(output);
        if (found === null) return;
        output = output.slice(found.index + found[0].length);
        clearTimeout(deadline);
        onOutput = () => {};
        resolve(found[0]);
      };
      onOutput();
    });
  const dispose = async (): Promise<void> => {
    if (running) pty.kill("SIGKILL");
    await exited;
  };
  return {
    pid: pty.pid,
    shows,
    type: (text) => pty.write(text),
    exited,
    // destroy() closes the master's descriptor; kill() alone would only signal the program.
    close: () => (pty as unknown as { destroy: () => void }).destroy(),
    [Symbol.asyncDispose]: dispose,
  };
}

/** Starts an interactive bash that reads no file, and waits for its prompt. */
export async function openShell(env: Readonly<Record<string, string>>): Promise<Terminal> {
  const words = ["bash", "--norc", "--noprofile", "-i"];
  const terminal = openTerminal(words, {
    HOME: "/nonexistent",
    HISTFILE: "",
    ...env,
    PS1: "prompt> ",
  });
  await terminal.shows(/prompt> $/);
  // After a Ctrl-C or Ctrl-Z the kernel flushes both directions, and may take what was typed or printed just then with it.
  terminal.type("stty noflsh\r");
  await terminal.shows(/\n[^]*prompt> $/);
  return terminal;
}
