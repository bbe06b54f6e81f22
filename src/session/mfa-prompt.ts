// Where MFA codes come from: --mfa-code first, then the terminal until it is given away.

import type { AskMfaCode, MfaQuestion } from "../aws/assume-role.ts";
import type { Terminal } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";

/** Where codes come from. */
export interface MfaPromptOptions {
  /** --mfa-code; each code works once, so it answers one question. */
  readonly code: string | undefined;
  /** What to run elsewhere so that the next login finds the role in the cache; undefined where nothing is cached. */
  readonly remedy: string | undefined;
  readonly terminal: Terminal;
  /** Called with each code, so that no log shows it. */
  readonly onCode: (code: string) => void;
}

// A slip of the finger is not worth one of AWS's own attempts.
const TYPING_ATTEMPTS = 3;

/** Creates the function that gets a code for a question. */
export function mfaPrompt(options: MfaPromptOptions): AskMfaCode {
  const { onCode, terminal } = options;
  let given = options.code;
  let wasGiven = false;
  return async (question) => {
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
    if (terminal.isGivenAway()) throw terminalTaken(question, options.remedy);
    if (!terminal.isThere()) throw noTerminal(question);
    if (refusal !== undefined) terminal.write("That code was refused.\n");
    const code = await askForCode(question, terminal);
    onCode(code);
    return code;
  };
}

async function askForCode({ serial, roleArn }: MfaQuestion, terminal: Terminal): Promise<string> {
  for (let attempt = 1; attempt <= TYPING_ATTEMPTS; attempt++) {
    const line = await terminal.ask(`MFA code for ${serial}: `);
    const code = line?.replaceAll(/\s/g, "");
    if (code === undefined) break;
    if (/^\d{6}$/.test(code)) return code;
    terminal.write("A code has six digits.\n");
  }
  throw new RdsIamError(`no MFA code for ${serial} was given`, {
    code: "ERR_MFA",
    detail: `${roleArn} cannot be assumed without one.`,
  });
}

function noTerminal({ serial, roleArn }: MfaQuestion): RdsIamError {
  return new RdsIamError(`${roleArn} needs an MFA code from ${serial}`, {
    code: "ERR_MFA",
    detail: "There is no terminal to ask for it on, or questions are switched off.",
    hint: "Run this at a terminal, or add {--mfa-code} CODE (RDSIAM_MFA_CODE).",
  });
}

function terminalTaken({ serial, roleArn }: MfaQuestion, remedy: string | undefined): RdsIamError {
  return new RdsIamError(`${roleArn} needs a new MFA code from ${serial}`, {
    code: "ERR_MFA",
    detail:
      "rdsiam cannot prompt for a code while the tool has the terminal, a proxy is serving, or a program uses the library.",
    hint:
      remedy === undefined
        ? "End it and start it again with rdsiam."
        : `In another terminal run: ${remedy}, then connect again here.`,
  });
}
