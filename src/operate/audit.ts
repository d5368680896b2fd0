/** `farm dns audit`: what is declared of names against what the world is told. Asks, and changes nothing. */
import { getServers } from "node:dns";
import { isIP } from "node:net";
import { auditNames, auditText, theWorld } from "../dns/audit/audit.ts";
import { FarmError } from "../shell/errors.ts";
import { previewPlan } from "../shell/stack.ts";

/** The resolver to ask. Throws a FarmError (exit code 2) for what is no address, or where this computer has none. */
function resolverOf(named: string | undefined): string {
  if (named !== undefined) {
    if (isIP(named) !== 0) return named;
    throw new FarmError(`--resolver ${named} is no address`, "write one such as 9.9.9.9 or 2620:fe::fe", 2);
  }
  const [first] = getServers().filter((server) => isIP(server) !== 0);
  if (first !== undefined) return first;
  throw new FarmError("this computer has no resolver", "name one that validates: --resolver 9.9.9.9", 2);
}

/** Prints the audit of a stack's zones; returns the exit code: 1 when something was found. */
export async function audit(stack: string, { resolver }: { resolver?: string }): Promise<number> {
  const plan = previewPlan(stack);
  if (plan.dns.zones.length === 0)
    throw new FarmError(`stack ${stack} has no domains`, `declare one: stacks/${stack}.ts, domains`, 2);
  const began = performance.now();
  const audits = await auditNames(plan, theWorld(resolverOf(resolver)));
  process.stdout.write(auditText(audits));
  process.stdout.write(
    `Asked for ${((performance.now() - began) / 1000).toFixed(1)} s; nothing was changed.\n`,
  );
  return audits.some(({ findings }) => findings.length > 0) ? 1 : 0;
}
