import { FarmError } from "../shell/errors.ts";

/**
 * Lets an action pass whose confirmation is one of the names of what it befalls, as the service has just told them.
 * Empty names don't count. Throws a FarmError (exit code 2) otherwise, so that nothing is sent.
 */
export function checkConfirmation(action: string, names: readonly string[], confirm: string): void {
  const valid = names.filter((name) => name !== "");
  if (valid.includes(confirm)) return;
  const quoted = [...new Set(valid)].map((name) => JSON.stringify(name)).join(" or ");
  throw new FarmError(
    `${action}: not confirmed, nothing was sent: ${JSON.stringify(confirm)} is not its name`,
    `if ${quoted} is what you mean, confirm with that`,
    2,
  );
}
