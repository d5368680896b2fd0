import { createHash } from "node:crypto";
import * as hcloud from "@pulumi/hcloud";
import * as pulumi from "@pulumi/pulumi";
import { SPREAD_LIMIT } from "../inventory/check-clouds.ts";
import type { Inventory } from "../inventory/schema.ts";
import { machinesOf, type Training as TrainingDeclaration, ZONES } from "../inventory/training.ts";
import type { KeyPair, Keys } from "../plan/keys.ts";
import { ANYWHERE, hetznerRules, labelsOf } from "./cloud-firewall.ts";
import { handOutPage } from "./training/hand-out.ts";
import { cryptSha512, studentPassword, studentSalt } from "./training/password.ts";
import { administratorKeys, type CloudConfig, firstContact, userData } from "./user-data.ts";

const STUDENT = "student";
/** Of each training's own network, which no other one sees. Machine 1 is .11. */
const NETWORK = "10.70.0";

/** What students serve, and how they come in. */
const OPEN = [
  { protocol: "tcp", port: 22 },
  { protocol: "tcp", port: 80 },
] as const;

/**
 * The only ways out: packages, names and time. A machine that students broke, or that somebody broke into, must not try
 * others' SSH or send mail.
 */
const WAYS_OUT = [
  ...[80, 443, 53].map((port) => ({ protocol: "tcp", port: `${port}` })),
  ...[53, 123].map((port) => ({ protocol: "udp", port: `${port}` })),
  { protocol: "icmp" },
].map((way) => ({ direction: "out", destinationIps: [...ANYWHERE], ...way }));

/** Students come in by password, everybody else by key. */
const STUDENT_SSH = `Match User ${STUDENT}
    PasswordAuthentication yes
`;

/** As ssh shows it. */
const fingerprint = ({ publicKey }: KeyPair): string =>
  `SHA256:${createHash("sha256")
    .update(Buffer.from(publicKey.split(" ")[1] ?? "", "base64"))
    .digest("base64")
    .replace(/=+$/, "")}`;

/** What a student's machine is given at its first boot; root is the administrators'. */
export function studentConfig(
  hostKey: KeyPair,
  authorizedKeys: readonly string[],
  passwordHash: string,
): CloudConfig {
  const first = firstContact(hostKey, authorizedKeys);
  const ssh = { path: "/etc/ssh/sshd_config.d/20-training.conf", content: STUDENT_SSH, permissions: "0644" };
  const account = { name: STUDENT, password: passwordHash, type: "hash" as const };
  return {
    ...first,
    write_files: [...first.write_files, ssh],
    users: [{ name: STUDENT, shell: "/bin/bash", lock_passwd: false }],
    chpasswd: { ...first.chpasswd, users: [...first.chpasswd.users, account] },
  };
}

export interface TrainingArgs {
  readonly training: TrainingDeclaration;
  readonly inventory: Inventory;
  readonly keys: Keys;
}

/**
 * The machines of a training, one a student, and the page that the students are handed. They come and go with
 * `farms:training`, so nothing is protected. Passwords and host keys derive from the master key: taken down and brought up
 * again, a machine has the same.
 */
export class Training extends pulumi.ComponentResource {
  /** HTML, a secret. */
  readonly handOut: pulumi.Output<string>;

  constructor(name: string, args: TrainingArgs, options?: pulumi.ComponentResourceOptions) {
    super("farms:machines:Training", name, {}, options);
    const { training, inventory, keys } = args;
    const machines = machinesOf(training);
    const common = { labels: { ...labelsOf(inventory), training: training.name } };
    const named = { name: `${inventory.stack}-training-${training.name}`, ...common };
    const parent = { parent: this };

    const network = new hcloud.Network(`${name}-network`, { ...named, ipRange: `${NETWORK}.0/24` }, parent);
    const subnet = new hcloud.NetworkSubnet(
      `${name}-subnet`,
      {
        networkId: network.id.apply(Number),
        type: "cloud",
        networkZone: ZONES[training.location],
        ipRange: `${NETWORK}.0/24`,
      },
      parent,
    );
    const firewall = new hcloud.Firewall(
      `${name}-firewall`,
      { ...named, rules: [...hetznerRules(OPEN), ...WAYS_OUT] },
      parent,
    );
    const spreads = Array.from(
      { length: Math.ceil(machines.length / SPREAD_LIMIT) },
      (_, index) =>
        new hcloud.PlacementGroup(
          `${name}-spread-${index + 1}`,
          { ...named, name: `${named.name}-${index + 1}`, type: "spread" },
          parent,
        ),
    );

    const rows = machines.map((machine, index) => {
      const hostKey = keys.sshHostKey(`training/${training.name}/${machine}`);
      const password = studentPassword(keys, training.name, machine);
      const hash = cryptSha512(password, studentSalt(keys, training.name, machine));
      const spread = spreads[Math.floor(index / SPREAD_LIMIT)];
      const server = new hcloud.Server(
        machine,
        {
          name: machine,
          serverType: training.type,
          image: training.image,
          location: training.location,
          ...common,
          firewallIds: [firewall.id.apply(Number)],
          ...(spread ? { placementGroupId: spread.id.apply(Number) } : {}),
          // Without aliasIps the provider takes the network off and puts it on again at every run (d.ts of ServerNetwork).
          networks: [{ subnetId: subnet.id, ip: `${NETWORK}.${index + 11}`, aliasIps: [] }],
          userData: pulumi.secret(userData(studentConfig(hostKey, administratorKeys(inventory), hash))),
        },
        // A new administrator is no reason to take students' work away. A name can't be there twice, so the old one goes first.
        { ...parent, ignoreChanges: ["userData"], deleteBeforeReplace: true },
      );
      return server.ipv4Address.apply((address) => ({
        ...{ machine, address, account: STUDENT, password },
        fingerprint: fingerprint(hostKey),
      }));
    });
    const page = pulumi.all(rows).apply((all) =>
      handOutPage({
        training: training.name,
        language: training.language,
        until: training.until,
        rows: all,
      }),
    );
    this.handOut = pulumi.secret(page);
    this.registerOutputs({ machines });
  }
}
