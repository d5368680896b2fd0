import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeWhole } from "../../shell/files.ts";
import { stackLayout } from "./layout.ts";

/** A guest of a machine that plays a Proxmox host. */
export type Guest = {
  vmid: number;
  /** Name of the machine that the guest is in the twin: its host name when it was created. */
  machine: string;
  /** Configuration as `pct config` prints it, by key; `lock: create` while it is being made. */
  config: Record<string, string>;
  authorizedKeys: string[];
};

/** All guests of a host, by VMID. */
export function guestsOf(stack: string, node: string): Guest[] {
  const dir = join(stackLayout(stack).guests, node);
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((file) => /^\d+\.json$/.test(file))
    .map((file): Guest => JSON.parse(readFileSync(join(dir, file), "utf8")))
    .sort((a, b) => a.vmid - b.vmid);
}

export function findGuest(stack: string, node: string, vmid: number): Guest | undefined {
  return guestsOf(stack, node).find((guest) => guest.vmid === vmid);
}

/** Stores a guest; a kill leaves the old configuration or the new one, never half of it. */
export function saveGuest(stack: string, node: string, guest: Guest): void {
  const file = guestFile(stack, node, guest.vmid);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeWhole(file, JSON.stringify(guest, null, 2));
}

export function forgetGuest(stack: string, node: string, vmid: number): void {
  rmSync(guestFile(stack, node, vmid), { force: true });
}

function guestFile(stack: string, node: string, vmid: number): string {
  return join(stackLayout(stack).guests, node, `${vmid}.json`);
}
