// Where MFA codes come from: --mfa-code first, then the person at the terminal, and nobody once the tool has the terminal.

import { RdsIamError } from "../base/errors.ts";

/** One question for a code. */
export interface CodeQuestion {
  /** The device: an ARN, or a serial number. */
  readonly serial: string;
  readonly roleArn: string;
  /** Why the code before this one was not taken. */
  readonly refusal: RdsIamError | undefined;
}

/** Asks for codes until it is closed. */
export interface MfaPrompt {
  readonly ask: (question: CodeQuestion) => Promise<string>;
  /** From now on the terminal is the tool's. */
  readonly close: () => void;
}

/** How codes are come by. */
export interface MfaPromptOptions {
  /** --mfa-code; each code works once, so it answers one question. */
  readonly code: string | undefined;
  /** What to run elsewhere so that the next login finds the role in the cache; undefined where nothing is cached. */
  readonly remedy: string | undefined;
  readonly terminal: {
    readonly isThere: () => boolean;
    readonly ask: (prompt: string) => Promise<string | undefined>;
    readonly say: (text: string) => void;
  };
  /** Hears of each code, so that no log shows it. */
  readonly onCode: (code: string) => void;
}

// A slip of the finger is not worth one of AWS's own attempts.
const TYPING_ATTEMPTS = 3;

/** Makes the function that asks. */
export function mfaPrompt(options: MfaPromptOptions): MfaPrompt {
  const { onCode, terminal } = options;
  let given = options.code;
  let isClosed = false;
  let wasGiven = false;
  return {
    close: () => {
      isClosed = true;
    },
    ask: async (question) => {
      const { refusal } = question;
      if (given !== undefined) {
        const code = given;
        given = undefined;
        wasGiven = true;
        onCode(code);
        return code;
      }
      // A script that gives the code must not hang at a question.
      if (wasGiven && refusal !== undefined) throw refusal;
      if (isClosed) throw terminalTaken(question, options.remedy);
      if (!terminal.isThere()) throw noTerminal(question);
      if (refusal !== undefined) terminal.say("That code was refused.\n");
      const code = await askForCode(question, terminal);
      onCode(code);
      return code;
    },
  };
}

async function askForCode(
  { serial, roleArn }: CodeQuestion,
  terminal: MfaPromptOptions["terminal"],
): Promise<string> {
  for (let attempt = 1; attempt <= TYPING_ATTEMPTS; attempt++) {
    const line = await terminal.ask(`MFA code of ${serial}: `);
    const code = line?.replaceAll(/\s/g, "");
    if (code === undefined) break;
    if (/^\d{6}$/.test(code)) return code;
    terminal.say("A code has six digits.\n");
  }
  throw new RdsIamError(`no MFA code of ${serial} was given`, {
    code: "ERR_MFA",
    detail: `${roleArn} cannot be assumed without one.`,
  });
}

function noTerminal({ serial, roleArn }: CodeQuestion): RdsIamError {
  return new RdsIamError(`${roleArn} needs an MFA code of ${serial}`, {
    code: "ERR_MFA",
    detail: "There is no terminal (/dev/tty) to ask for it on.",
    hint: "Run this at a terminal, or add --mfa-code CODE (RDSIAM_MFA_CODE).",
  });
}

function terminalTaken({ serial, roleArn }: CodeQuestion, remedy: string | undefined): RdsIamError {
  return new RdsIamError(`${roleArn} needs a new MFA code of ${serial}`, {
    code: "ERR_MFA",
    detail:
      "The role's credentials are at their end, and a code cannot be asked for while the tool has the terminal or a proxy serves.",
    hint:
      remedy === undefined
        ? "End it and start it again with rdsiam."
        : `In another terminal run: ${remedy}, then connect again here.`,
  });
}
