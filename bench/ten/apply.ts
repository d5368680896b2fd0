/**
 * One run of the program over the ten machines, as a process of its own whose time counts.
 * Arguments: `apply` or `check`, then names of hosts that have one more line in haproxy.cfg.
 * `apply` makes the plan so, in waves, and then asks every host whether it is as it should be; `check` prints what
 * would change on every host.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AGENT } from "../../src/host/agent.ts";
import { type Connection, connectionTo } from "../../src/host/connection.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { FarmError } from "../../src/shell/errors.ts";
import { twinSsh } from "../../src/twin/farm.ts";
import { stackLayout } from "../../src/twin/machines/layout.ts";
import { administratorKey } from "../../src/twin/settings.ts";
import { KEYS, planOfTen, STACK } from "./farm.ts";

const [mode = "", ...changed] = process.argv.slice(2);
const plan: Plan = planOfTen(changed);
const layout = stackLayout(STACK);
const ssh = twinSsh(STACK);
const privateKey = readFileSync(administratorKey(STACK), "utf8");
const target = (host: string): Connection<string> => connectionTo(plan.inventory, KEYS, host, privateKey);

/** What the agent of a host answers to a command. */
async function ask(host: string, command: string, input = ""): Promise<{ inSync?: boolean; diff?: string }> {
  const { code, stdout, stderr } = await ssh.run(target(host), `${AGENT} ${command}`, { input });
  if (code !== 0) throw new FarmError(`${host}: ${command} failed: ${stderr}${stdout}`);
  return JSON.parse(stdout);
}

async function apply(): Promise<void> {
  const pulumi = await import("@pulumi/pulumi");
  const { registerHosts } = await import("../../src/shell/hosts.ts");
  const { runProgram } = await import("../../src/twin/engine/engine.ts");
  const { ResourceState } = await import("../../src/twin/engine/state.ts");
  const state = new ResourceState(join(layout.state, "stack"));
  const summary = await runProgram(
    STACK,
    {},
    state,
    ssh,
    () => {},
    async () => {
      registerHosts(plan, KEYS, pulumi.secret(privateKey), {
        applied: {},
        hostKeys: {},
        reachable: new Set(),
      });
      return {};
    },
  );
  process.stdout.write(
    `${summary.created.length} created, ${summary.updated.length} updated, ${summary.unchanged} unchanged\n`,
  );
}

/** All hosts at once. */
async function checkAll(): Promise<void> {
  const answers = await Promise.all(plan.hosts.map(({ host }) => ask(host.id, "verify")));
  const drifted = answers.filter((answer) => answer.inSync !== true);
  if (drifted.length > 0) throw new FarmError(`not as they should be: ${JSON.stringify(drifted)}`);
}

async function dryRun(): Promise<void> {
  const answers = await Promise.all(
    plan.hosts.map(({ host, bundle }) => ask(host.id, "apply --check", bundle)),
  );
  process.stdout.write(`${answers.map((answer) => answer.diff).join("\n")}\n`);
}

if (mode === "check") await dryRun();
else {
  await apply();
  await checkAll();
}
