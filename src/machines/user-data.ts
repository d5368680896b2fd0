/**
 * What cloud-init gives a new machine at its first boot, so that the first connection to it is already pinned and only
 * administrators come in. It holds a private key: whoever passes it on marks it as a secret.
 */
import { stringify } from "yaml";
import type { Host, Inventory } from "../inventory/schema.ts";
import type { KeyPair, Keys } from "../plan/keys.ts";
import { HOST_KEY, SSHD_CONFIG } from "../roles/base.ts";

interface WrittenFile {
  readonly path: string;
  readonly content: string;
  readonly permissions: string;
}

/** The words of cloud-init that we use (docs.cloud-init.io, "Module reference"). */
export interface CloudConfig {
  /** Run at every boot, before SSH answers: words, or a line for the shell. */
  readonly bootcmd?: readonly (string | readonly string[])[];
  readonly write_files: readonly WrittenFile[];
  readonly users: readonly { readonly name: string; readonly shell: string; readonly lock_passwd: boolean }[];
  readonly ssh_authorized_keys: readonly string[];
  readonly disable_root: boolean;
  readonly ssh_pwauth: boolean;
  readonly ssh_deletekeys: boolean;
  readonly ssh_keys: { readonly ed25519_private: string; readonly ed25519_public: string };
  readonly chpasswd: {
    readonly expire: boolean;
    readonly users: readonly { readonly name: string; readonly password: string; readonly type: "hash" }[];
  };
}

/**
 * Root comes in by key, nobody by password. The same file as the base role's, which replaces it. One host key alone: a
 * client that pins this one must not be offered another kind, whatever the image generates.
 */
const SSHD = `PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
HostKey ${HOST_KEY}
`;

/** The mark by which the agent knows a machine that was made for the farm (src/host/agent/state.py). */
export const FRESH = "/var/lib/farm/fresh";

/** Once for each machine, as the agent takes it away. It must be there before SSH answers, so it can't wait for `runcmd`. */
const MARK = [
  ...["cloud-init-per", "instance", "farm-fresh", "sh", "-c"],
  `umask 077; mkdir -p /var/lib/farm && touch ${FRESH}`,
] as const;

/** What any machine is given: its SSH host key, and the keys (lines of .pub files) that root may log in with. */
export function firstContact(hostKey: KeyPair, authorizedKeys: readonly string[]): CloudConfig {
  return {
    write_files: [{ path: SSHD_CONFIG, content: SSHD, permissions: "0644" }],
    // No account of the image's own beside root.
    users: [],
    ssh_authorized_keys: authorizedKeys,
    disable_root: false,
    ssh_pwauth: false,
    // Others go; cloud-init generates none where it is given some (cc_ssh.py).
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: hostKey.privateKey, ed25519_public: `${hostKey.publicKey}\n` },
    // Providers give root a password that has expired when they are given no keys, and PAM then refuses every command.
    chpasswd: { expire: false, users: [{ name: "root", password: "*", type: "hash" }] },
  };
}

/** Keys of all administrators, as lines of .pub files. */
export const administratorKeys = ({ administrators }: Inventory): string[] =>
  administrators.flatMap((administrator) => administrator.keys);

/** What a machine of the farm is given. `atBoot` is one more line for the shell, run at every boot. */
export function hostConfig(
  host: Host,
  inventory: Inventory,
  keys: Pick<Keys, "sshHostKey">,
  atBoot?: string,
): CloudConfig {
  const bootcmd = [MARK, ...(atBoot === undefined ? [] : [atBoot])];
  return { bootcmd, ...firstContact(keys.sshHostKey(host.id), administratorKeys(inventory)) };
}

/** The text that a provider hands to cloud-init. The same configuration gives the same text. */
export function userData(config: CloudConfig): string {
  // Long lines stay whole, equal lists are written out: what a person reads is what was meant.
  return `#cloud-config\n${stringify(config, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}
