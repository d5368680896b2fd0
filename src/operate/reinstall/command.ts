/** `farm rebuild HOST --check` and `--execute` of a virtual server at Contabo. */
import type { Host, Inventory } from "../../inventory/schema.ts";
import { checkConfirmation } from "../../machines/confirm.ts";
import { Contabo } from "../../machines/contabo/contabo.ts";
import { reinstallSteps } from "../../machines/contabo/steps.ts";
import { CLOCK } from "../../machines/web-service.ts";
import { contaboCredentials } from "../engine-secrets.ts";
import { type Farm, namedHost, openFarm } from "../farm.ts";
import type { Declared } from "../install/installation.ts";
import { performSteps, tellWhatIsLeft } from "../install/perform.ts";
import { realReach } from "../install/site.ts";
import { recordInstallation } from "../rebuild-record.ts";
import { differences, findInstance, imageOf, reportLines } from "./instance.ts";
import { type ContaboSite, Reinstallation } from "./reinstallation.ts";

async function siteOf(farm: Farm, id: string): Promise<ContaboSite> {
  const contabo = new Contabo(await contaboCredentials(farm.stack));
  return { ...realReach(CLOCK, farm.ssh, farm.target(id)), contabo };
}

/** Text of how Contabo's instance differs from the host that is declared, and whether it does. Changes nothing there. */
export async function instanceText(
  contabo: Contabo,
  inventory: Inventory,
  id: string,
): Promise<{ text: string; differs: boolean }> {
  const host = namedHost({ inventory }, id);
  const instance = await findInstance(contabo, host);
  const image = await imageOf(contabo, host);
  const problems = [...differences(host, instance), ...(typeof image === "string" ? [image] : [])];
  const lines = [
    `Contabo reports of ${id}:`,
    ...reportLines(instance).map((line) => `  ${line}`),
    problems.length > 0
      ? "To be settled before it is installed:"
      : "It is what is declared, and the image is there.",
    ...problems.map((problem) => `  - ${problem}`),
  ];
  return { text: `${lines.join("\n")}\n`, differs: problems.length > 0 };
}

/**
 * A host that may be installed, by the name that a person has typed twice. Throws a FarmError (exit code 2) when `confirm` is not
 * its name.
 */
export function confirmed(inventory: Inventory, id: string, confirm: string): Host {
  const host = namedHost({ inventory }, id);
  checkConfirmation(`installation of ${id}, which destroys all that is on its disk`, [id], confirm);
  return host;
}

/** Does all steps in their order, as performSteps. */
export async function reinstall(
  site: ContaboSite,
  declared: Declared,
  host: Host,
  confirm: string,
): Promise<number | undefined> {
  const { steps } = new Reinstallation(site, declared, host, confirm);
  return performSteps(reinstallSteps(host, declared.inventory), steps);
}

/** `farm rebuild HOST --check`; returns the exit code: 1 when anything differs from what is declared. */
export async function check(stack: string, id: string): Promise<number> {
  const farm = await openFarm(stack);
  const contabo = new Contabo(await contaboCredentials(stack));
  const { text, differs } = await instanceText(contabo, farm.inventory, id);
  process.stdout.write(text);
  return differs ? 1 : 0;
}

/**
 * `farm rebuild HOST --execute`: installs Debian on a virtual server anew. Throws a FarmError: with exit code 2 when nothing was
 * touched, with 1 when a step failed; run again, it goes on there.
 */
export async function execute(
  stack: string,
  inventory: Inventory,
  id: string,
  confirm: string,
): Promise<void> {
  const host = confirmed(inventory, id, confirm);
  const farm = await openFarm(stack);
  const seconds = await reinstall(await siteOf(farm, id), farm, host, confirm);
  recordInstallation(stack, id, "debian", seconds);
  tellWhatIsLeft(id, stack, "a new Debian");
}
