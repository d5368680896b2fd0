/** What a machine finds on its disk: at its first boot, and what a hypervisor sets before each. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { edgeSeeds } from "../edge/seeds.ts";
import type { Seed } from "./disk.ts";
import type { MachineSpec } from "./machine.ts";
import { PREFIX_LENGTH_6 } from "./network.ts";
import { proxyAddress } from "./packages.ts";
import { must } from "./run.ts";

/** Files that belong to a machine from its first boot on and are then its own. */
export async function firstBoot(stack: string, spec: MachineSpec): Promise<Seed[]> {
  const hostname = spec.hostname ?? spec.name;
  const key = spec.hostKey ?? (await newHostKey());
  return [
    ...(spec.fresh ? [{ path: "/var/lib/farm/fresh", content: "", mode: 0o600 }] : []),
    { path: "/etc/machine-id", content: `${randomBytes(16).toString("hex")}\n`, mode: 0o444 },
    {
      path: "/etc/hosts",
      content: `127.0.0.1 localhost\n::1 localhost\n${spec.address} ${hostname}\n`,
      mode: 0o644,
    },
    { path: "/etc/ssh/ssh_host_ed25519_key", content: key.privateKey, mode: 0o600 },
    { path: "/etc/ssh/ssh_host_ed25519_key.pub", content: key.publicKey, mode: 0o644 },
    { path: "/root/.ssh/authorized_keys", content: `${spec.authorizedKeys.join("\n")}\n`, mode: 0o600 },
    {
      path: "/etc/apt/apt.conf.d/80-package-proxy",
      content: `Acquire::http::Proxy "${proxyAddress(stack)}";\n`,
      mode: 0o644,
    },
  ];
}

/** A machine's addresses, as networkd reads them. The file's name is that of systemd's own, which would ask DHCP. */
export function networkSeed({ address, prefixLength, address6 }: MachineSpec): Seed {
  const lines6 =
    address6 === undefined
      ? "LinkLocalAddressing=no\n"
      : `Address=${address6}/${PREFIX_LENGTH_6}\nLinkLocalAddressing=ipv6\nIPv6AcceptRA=no\n`;
  return {
    path: "/etc/systemd/network/80-container-host0.network",
    content: `[Match]\nName=host0\n\n[Network]\nAddress=${address}/${prefixLength}\n${lines6}`,
    mode: 0o644,
  };
}

/** What a hypervisor sets before each start. */
export function everyBoot(stack: string, spec: MachineSpec): Seed[] {
  return [
    { path: "/etc/hostname", content: `${spec.hostname ?? spec.name}\n`, mode: 0o644 },
    networkSeed(spec),
    ...edgeSeeds(stack),
  ];
}

async function newHostKey(): Promise<{ privateKey: string; publicKey: string }> {
  const dir = mkdtempSync(join(tmpdir(), "farm-host-key-"));
  const file = join(dir, "key");
  try {
    await must("make a host key", ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file]);
    return { privateKey: readFileSync(file, "utf8"), publicKey: readFileSync(`${file}.pub`, "utf8") };
  } finally {
    rmSync(dir, { recursive: true });
  }
}
