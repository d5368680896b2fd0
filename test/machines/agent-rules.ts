import { file, sh, unit, type Wants } from "./agent-machine.ts";

/** A packet filter as the thing that can lock administrators out, and the end of a change that nobody confirms. */

/** Seconds after which an unconfirmed change is undone, and some for the way back. */
const UNDONE_WITHIN = 75;

export const RULES = "/etc/nftables.conf";
export const open = "table inet t-guard {\n}\n";
/** Shuts SSH out, for connections that are there as well as for new ones. */
export const shut = `table inet t-guard {
  chain input {
    type filter hook input priority 0; policy accept;
    tcp dport 22 drop
  }
}
`;
export const rules = (text: string): Wants => ({
  packages: ["nftables"],
  files: [
    file(RULES, `#!/usr/sbin/nft -f\nflush ruleset\n${text}`, {
      confirm: true,
      validate: "nft --check -f %s",
    }),
  ],
  units: [unit("nftables.service", { confirm: true, reloadOn: [RULES] })],
});

/** The end of an unconfirmed change at a boot, as the base role has it. */
export const bootEnds: Wants = {
  files: [
    file(
      "/etc/systemd/system/farm-unconfirmed.service",
      "[Unit]\nConditionPathExists=/var/lib/farm/transaction/confirmation.json\n[Service]\nType=oneshot\nExecStart=/usr/local/sbin/farm-agent go-back\n[Install]\nWantedBy=multi-user.target\n",
    ),
  ],
  units: [unit("farm-unconfirmed.service", { state: "unmanaged" })],
};

export async function untilUndone(): Promise<void> {
  await sh(`
    end=$(($(date +%s) + ${UNDONE_WITHIN}))
    while test -e /var/lib/farm/transaction; do
      test $(date +%s) -lt $end || { echo "not undone within ${UNDONE_WITHIN} s" >&2; exit 1; }
      sleep 0.2
    done`);
}
