import { insideMachine, isRunning } from "./inside.ts";
import { type MachineSpec, prepare } from "./machine.ts";
import { must } from "./run.ts";
import { networkSeed } from "./seeds.ts";

/**
 * Puts its input in the place of a file, and has networkd make it true, unless it is what is there. On a machine that is just
 * booting networkd finds it when it starts: there is nobody to tell before systemd listens.
 */
const REPLACE = `set -e
cat >"$1.new"
if cmp -s "$1.new" "$1"; then rm "$1.new"; exit; fi
mv "$1.new" "$1"
if [ -S /run/systemd/private ]; then systemctl try-reload-or-restart systemd-networkd.service; fi`;

/** Gives a machine the addresses of its specification: at once where it runs, as a hypervisor does with a container. */
export async function readdress(stack: string, spec: MachineSpec): Promise<void> {
  await prepare(stack, spec);
  if (!isRunning(stack, spec.name)) return;
  const { path, content } = networkSeed(spec);
  const argv = ["/bin/sh", "-c", REPLACE, "sh", path];
  const command = insideMachine(stack, spec.name, argv);
  await must(`give ${spec.name} its addresses`, command, { input: content });
}
