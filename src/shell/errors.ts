/**
 * A failure that a person can mend: what is wrong and, where we know it, what to do.
 * The command line prints message and remedy without a stack trace and exits with `exitCode`
 * (1: the work failed; 2: the input is wrong and nothing was touched).
 */
export class FarmError extends Error {
  readonly remedy: string | undefined;
  readonly exitCode: number;

  constructor(message: string, remedy?: string, exitCode = 1) {
    super(message);
    this.name = "FarmError";
    this.remedy = remedy;
    this.exitCode = exitCode;
  }
}

/** A host to which there is no connection. */
export class Unreachable extends FarmError {}
