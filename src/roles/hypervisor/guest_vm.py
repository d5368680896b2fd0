"""A guest that is a virtual machine, driven by Proxmox's own `qm`.

It is made from Debian's cloud image. What its first boot needs (SSH host key, administrators, address) is laid on its own
disk, where cloud-init looks for it (NoCloud), before it is started: no drive, snippet or other file of this host keeps the
private key.
"""
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time

from guest_tool import DATASET, STORAGE, call, changes, must_grow, running, settings, startup, volume

IMAGE = "/var/lib/vz/import/debian-13-genericcloud-amd64.qcow2"
SOURCE = "https://cloud.debian.org/images/cloud/trixie/latest/"
SEED = "var/lib/cloud/seed/nocloud"
# Seconds: firmware, kernel, cloud-init.
BOOT_LIMIT = 180
DISK = "scsi0"


def create(guest):
    if not os.path.exists(IMAGE):
        sys.exit(f"{IMAGE} is missing: fetch it from {SOURCE}, and compare it with SHA512SUMS there")
    call("qm", "create", guest.vmid, "--name", guest.hostname, "--memory", guest.memory, "--cores", guest.cores,
         "--ostype", "l26", "--scsihw", "virtio-scsi-single", f"--{DISK}", f"{STORAGE}:0,import-from={IMAGE},discard=on",
         "--boot", f"order={DISK}", "--net0", f"virtio,macaddr={guest.mac},bridge={guest.bridge}", "--serial0", "socket", "--onboot", 1,
         *changes({}, {"startup": startup(guest)}))


def change(guest):
    """Brings settings up to date. A disk grows at once, its file system at the next boot (cloud-init's growpart)."""
    config = settings("vm", guest.vmid)
    grows = must_grow(guest, "/", config[DISK], guest.disk)
    wanted = {"name": guest.hostname, "memory": str(guest.memory), "cores": str(guest.cores), "startup": startup(guest)}
    changed = changes(config, wanted)
    if changed:
        call("qm", "set", guest.vmid, *changed)
    if grows:
        call("qm", "resize", guest.vmid, DISK, f"{guest.disk}G")
    if (changed or grows) and running("vm", guest.vmid):
        print(f"guest {guest.vmid}: memory, cores and the end of a larger disk wait until it is shut down and started", file=sys.stderr)


def network(guest):
    """The network as cloud-init reads it, with the name servers of this host, as containers have them."""
    with open("/etc/resolv.conf") as file:
        servers = [line.split()[1] for line in file if line.startswith("nameserver ")]
    # Of a guest with an IPv4 address of its own the gateway is in another network.
    routes = [{"to": "0.0.0.0/0", "via": guest.gateway, "on-link": True}]
    if guest.gateway6:
        routes.append({"to": "::/0", "via": guest.gateway6})
    link = {
        "match": {"macaddress": guest.mac.lower()},
        "addresses": [address for address in (guest.address, guest.address6) if address],
        "routes": routes,
        "nameservers": {"addresses": servers},
    }
    return {"version": 2, "ethernets": {"link": link}}


@contextlib.contextmanager
def root_file_system(device):
    """The first partition of a VM's disk, mounted: Debian's image has its root there."""
    for command in (["partx", "--update", device], ["udevadm", "settle", "--timeout=30"]):
        subprocess.run(command, check=True)
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["mount", "-o", "nodev,nosuid,noexec", f"{device}-part1", directory], check=True)
        try:
            yield directory
        finally:
            subprocess.run(["umount", directory], check=True)


def seed(guest, user_data):
    """Lays down what the first boot reads. Only for a VM that has never run: what it says itself is not to be trusted here."""
    name = volume(settings("vm", guest.vmid)[DISK])["volume"].split(":", 1)[1]
    texts = {
        "meta-data": json.dumps({"instance-id": f"{guest.hostname}-{guest.generation}", "local-hostname": guest.hostname}),
        "network-config": json.dumps(network(guest)),
        "user-data": user_data,
    }
    with root_file_system(f"/dev/zvol/{DATASET}/{name}") as directory:
        os.makedirs(f"{directory}/{SEED}", exist_ok=True)
        for name, text in texts.items():
            with open(os.open(f"{directory}/{SEED}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(text)


def await_ssh(guest, public_key):
    """Waits until the VM shows the SSH host key that it was given."""
    expected = public_key.split()[:2]
    end = time.monotonic() + BOOT_LIMIT
    while True:
        shown = subprocess.run(["ssh-keyscan", "-T", "2", "-t", "ed25519", guest.address.split("/")[0]], capture_output=True, text=True).stdout.split()[1:3]
        if shown == expected:
            return
        if time.monotonic() > end:
            said = "no SSH host key" if not shown else "another SSH host key than the one declared"
            sys.exit(f"guest {guest.vmid} ({guest.hostname}) shows {said} {BOOT_LIMIT} s after its start; a VM gets its key when it is made: "
                     f"see qm terminal {guest.vmid}, or have it made anew (generations: machine/{guest.hostname})")
        time.sleep(1)
