/** Debian's real cloud-init at work in a machine of the twin: what a provider's image does at its first boot. */

import { FarmError } from "../../shell/errors.ts";
import { inMachine } from "./inside.ts";
import { lastLines } from "./run.ts";

/** Seconds for fetching the package and running its stages; measured: 8 to 15. */
const LIMIT = 180;

/**
 * Its stages in the order of a boot, but for those that format disks and set the network up: that is the twin's. Switched
 * off afterwards, since nspawn has started what a boot would start.
 */
const STAGES = `
umask 077
export DEBIAN_FRONTEND=noninteractive
mkdir -p /var/lib/cloud/seed/nocloud
cat >/var/lib/cloud/seed/nocloud/user-data
printf 'instance-id: %s\\nlocal-hostname: %s\\n' "$(cat /etc/machine-id)" "$(hostname)" >/var/lib/cloud/seed/nocloud/meta-data
apt-get -qq update
apt-get -qqy install --no-install-recommends cloud-init >/dev/null
printf 'datasource_list: [NoCloud]\\nnetwork: {config: disabled}\\napt: {preserve_sources_list: true}\\n' >/etc/cloud/cloud.cfg.d/99-twin.cfg
cloud-init schema --config-file /var/lib/cloud/seed/nocloud/user-data
cloud-init init --local
cloud-init init
cloud-init modules --mode=config
cloud-init modules --mode=final
touch /etc/cloud/cloud-init.disabled
systemctl restart ssh.service`;

/**
 * Lets cloud-init make of a machine what its user data say. Throws a FarmError with the end of what it printed when a stage
 * fails, and when the user data are not what cloud-init's own schema allows.
 */
export async function runCloudInit(stack: string, machine: string, userData: string): Promise<void> {
  const { code, stdout, stderr } = await inMachine(stack, machine, ["sh", "-ec", STAGES], {
    input: userData,
    limit: LIMIT,
  });
  if (code !== 0)
    throw new FarmError(`cloud-init failed on ${machine}: ${lastLines(`${stdout}\n${stderr}`, 15)}`);
}
