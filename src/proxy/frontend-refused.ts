// A frontend that we ourselves refuse, with the ErrorResponse that it gets.
import type { Buffer } from "node:buffer";
import { encodeFatalError, type FatalError } from "../protocol/error-response.ts";

/** A frontend that is answered with an ErrorResponse of its own; the message is for the log. */
export class FrontendRefused extends Error {
  override readonly name = "FrontendRefused";
  readonly answer: Buffer;
  /** What it gets, where a login was refused. */
  readonly error: FatalError | undefined;

  constructor(message: string, answer: Buffer, error?: FatalError) {
    super(message);
    this.answer = answer;
    this.error = error;
  }
}

/** The refusal that says what an error says. */
export function refuse(error: FatalError): FrontendRefused {
  return new FrontendRefused(error.message, encodeFatalError(error), error);
}

/** The refusal of a peer that breaks the protocol. */
export function violation(message: string, detail?: string): FrontendRefused {
  const error = { sqlState: "08P01", message, detail };
  return new FrontendRefused(message, encodeFatalError(error));
}
