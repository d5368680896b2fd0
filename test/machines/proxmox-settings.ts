import assert from "node:assert/strict";
import { describe, test } from "node:test";

/** Runs a shell script on the host, which has to succeed; returns its output. */
type Shell = (script: string, input?: string) => Promise<string>;

const PROGRAM = "/usr/local/lib/farm/proxmox";

/** What Proxmox VE and ZFS answer on this host, which has neither: each command prints a file of its name. */
const STAND_INS = `
mkdir -p /run/t
for name in pveversion zpool zfs pvesh; do
  printf '#!/bin/sh\\necho "$0 $*" >>/run/t/calls\\ncat "/run/t/$(basename "$0") $1 $(echo "$2" | tr / _)" 2>/dev/null || true\\n' >/usr/bin/$name
  chmod +x /usr/bin/$name
done
for name in pveproxy spiceproxy; do
  printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >/run/systemd/system/$name.service
done
systemctl daemon-reload
cat >'/run/t/zpool status -j'`;

/** As Proxmox VE's installer writes it. */
const INTERFACES = `auto vmbr0
iface vmbr0 inet static
	address 10.97.9.1/24
	bridge-ports nic0
	bridge-stp off
	bridge-fd 0

source /etc/network/interfaces.d/*
`;

const answer = (command: string, text: string): string => `printf '%b' '${text}' >'/run/t/${command}'`;
const scrubbed = (daysAgo: number): string =>
  JSON.stringify({
    pools: {
      rpool: {
        scan_stats: { function: "SCRUB", end_time: Math.floor(Date.now() / 1000) - daysAgo * 86_400 },
      },
    },
  });

/** The programs that keep Proxmox VE's own settings, against recorded answers of its commands and of ZFS's. */
export function proxmoxSettings(sh: Shell): void {
  describe("settings of Proxmox VE", () => {
    test("where it is not installed, nothing is done", async () => {
      assert.equal(
        await sh(`${PROGRAM} settle; systemctl is-active farm-proxmox.service`),
        "no Proxmox VE is installed here: nothing to do\nactive",
      );
    });

    test("packages come without a subscription, and ZFS compresses", async () => {
      const enterprise = "Types: deb\nURIs: https://enterprise.proxmox.com/debian/pve\nSuites: trixie\n";
      await sh(STAND_INS, scrubbed(3));
      await sh("cat >/etc/apt/sources.list.d/pve-enterprise.sources", enterprise);
      await sh(
        `${answer("zpool list -H", "rpool\\n")}; ${answer("zfs get -H", "off\\n")}; systemctl restart farm-proxmox.service`,
      );
      await sh("systemctl restart farm-proxmox.service");
      const sources = await sh(
        "cd /etc/apt/sources.list.d; cat pve-enterprise.sources; cat farm-proxmox.sources",
      );
      assert.match(
        sources,
        /enterprise\.proxmox\.com.*\nSuites: trixie\nEnabled: no\nTypes: deb\nURIs: http:\/\/download\.proxmox\.com/,
      );
      assert.equal(sources.match(/Enabled: no/g)?.length, 1);
      assert.match(await sh("cat /run/t/calls"), /zfs set compression=on rpool/);
    });

    test("the host's own IPv6 address comes up on the outside bridge, by ifupdown2, beside what that has", async () => {
      const bridge = () => sh("ip -brief address show vmbr0; ip -6 route show default dev vmbr0");
      await sh(
        `DEBIAN_FRONTEND=noninteractive apt-get -qqy install --no-install-recommends ifupdown2 bridge-utils >/dev/null
mkdir -p /run/network # where its own service, which never ran here, would have put its lock
ip link add nic0 type veth peer name far && ip link set far up
cat >/etc/network/interfaces; sed -i 's/^source/# &/' /etc/network/interfaces; ifup vmbr0`,
        INTERFACES,
      );
      assert.match(await bridge(), / 10\.97\.9\.1\/24 (?!.*fd00:)/);
      // Where the kernel has no VLANs, that of the vSwitch fails, and nothing else.
      await sh(`sed -i 's/^# source/source/' /etc/network/interfaces
systemctl restart farm-interfaces.service || journalctl --unit farm-interfaces --output cat | grep 'cannot create vlan vmbr0.4000'`);
      assert.match(await bridge(), / 10\.97\.9\.1\/24 .*fd00:a61::11\/128 .*\ndefault via fe80::1 /);
      await sh("ip link del vmbr0; ip link del nic0; rm /etc/network/interfaces");
    });

    test("what needs a person is said: disks, scrubs, second factors, guests on the wrong bridge", async () => {
      await sh("cat >'/run/t/zpool status -j'", scrubbed(50));
      await sh(
        [
          answer("zpool list -H", "rpool\\tDEGRADED\\t91\\n"),
          answer(
            "pvesh get _access_users",
            '[{"userid":"root@pam"},{"userid":"olga@pve","enable":1},{"userid":"gone@pve","enable":0}]',
          ),
          answer("pvesh get _access_tfa", '[{"userid":"olga@pve","entries":[{"type":"totp"}]}]'),
          "mkdir -p /etc/pve/lxc /etc/pve/qemu-server",
          "echo 'net0: name=eth0,bridge=vmbr0,ip=dhcp' >/etc/pve/lxc/101.conf",
          "printf 'net0: virtio=BC:24:11:00:00:01,bridge=vmbr1\\n\\n[before]\\nnet0: virtio=BC:24:11:00:00:01,bridge=vmbr0\\n' >/etc/pve/qemu-server/102.conf",
        ].join("\n"),
      );
      const said = (await sh(`${PROGRAM} check || echo "exit $?"`)).split("\n");
      for (const [index, line] of [
        /^pool rpool is DEGRADED: .*names the disk to replace/,
        /^pool rpool is 91 % full/,
        /^pool rpool was last scrubbed 50 days ago/,
        /^zfs-zed\.service does not run/,
        /^smartmontools\.service does not run/,
        /^root@pam has no second factor/,
        /^guest 101 is not on vmbr1/,
        /^exit 1$/,
      ].entries())
        assert.match(said[index] ?? "", line);
      assert.equal(said.length, 8);
    });

    test("the database behind /etc/pve is copied whole, for root alone, and the newest thirty are kept", async () => {
      await sh(`mkdir -p /var/lib/pve-cluster
python3 -c 'import sqlite3; c = sqlite3.connect("/var/lib/pve-cluster/config.db"); c.execute("CREATE TABLE tree (name)"); c.execute("INSERT INTO tree VALUES (101)"); c.commit()'
${PROGRAM} backup
for day in $(seq 10 45); do : >/var/backups/farm-pve/config-202001$day.db; done
${PROGRAM} backup`);
      const kept = (await sh("ls /var/backups/farm-pve")).split("\n");
      assert.equal(kept.length, 30);
      const newest = `/var/backups/farm-pve/${kept.at(-1)}`;
      assert.equal(await sh(`stat -c %a ${newest} /var/backups/farm-pve`), "600\n700");
      assert.equal(
        await sh(
          `python3 -c 'import sqlite3; print(sqlite3.connect("${newest}").execute("SELECT name FROM tree").fetchall())'`,
        ),
        "[(101,)]",
      );
      await sh("rm -r /usr/bin/pveversion /etc/pve /etc/apt/sources.list.d/farm-proxmox.sources");
    });
  });
}
