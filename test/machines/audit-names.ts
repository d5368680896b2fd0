/**
 * The audit of a running stack's names, as JSON. Runs inside the twin's network.
 * Arguments: ROOT STACK RESOLVER; ROOT is the checkout of the program that the stack runs by.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [root = "", stack = "", resolver = ""] = process.argv.slice(2);
const load = (path: string) => import(pathToFileURL(join(root, path)).href);

const { openRunningFarm } = (await load("src/twin/farm.ts")) as typeof import("../../src/twin/farm.ts");
const { auditNames, theWorld } = (await load(
  "src/dns/audit/audit.ts",
)) as typeof import("../../src/dns/audit/audit.ts");
const { plan } = await openRunningFarm(stack);
process.stdout.write(JSON.stringify(await auditNames(plan, theWorld(resolver))));
process.exit(0);
