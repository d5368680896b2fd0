"""What the programs of a Proxmox host share: commands that must succeed, and guests' settings and sizes as Proxmox writes them."""
import re
import shutil
import subprocess
import sys

# By which program a guest of a kind is made and changed.
TOOLS = {"lxc": "pct", "vm": "qm"}
NAMES = {"lxc": "a container", "vm": "a VM"}
# As Proxmox VE's installer makes them: a storage, and the dataset that its volumes are in.
STORAGE = "local-zfs"
DATASET = "rpool/data"


def call(tool, *arguments, allowed=(0,)):
    """Runs a command, such as one of Proxmox's, and returns the finished process; ends the program with its own words if it fails."""
    done = subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode not in allowed:
        sys.exit(f"{' '.join(done.args[:3])} failed: {(done.stderr or done.stdout).strip()}")
    return done


def kind_of(vmid):
    """The kind of the guest that has this number; None where there is none."""
    for kind, tool in TOOLS.items():
        if shutil.which(tool) and subprocess.run([tool, "status", str(vmid)], capture_output=True).returncode == 0:
            return kind
    return None


def running(kind, vmid):
    return "running" in call(TOOLS[kind], "status", vmid).stdout


def settings(kind, vmid):
    """The guest's configuration as Proxmox prints it, `key: value` a line; with what waits for its next start."""
    lines = call(TOOLS[kind], "config", vmid).stdout.splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def startup(guest):
    """When the guest is started after a boot of its host; None where nothing is said."""
    return None if guest.start_order is None else f"order={guest.start_order}"


def changes(present, wanted):
    """Options of `set` that make the wanted settings of the present ones; what is wanted as None is taken out."""
    set_to = [part for key, value in wanted.items() if value is not None and present.get(key) != value for part in (f"--{key}", value)]
    gone = [key for key, value in wanted.items() if value is None and key in present]
    return [*set_to, *(["--delete", ",".join(gone)] if gone else [])]


def volume(setting):
    """A disk's or mount's setting, "local-zfs:subvol-111-disk-1,mp=/srv,size=20G", by key; the volume itself as `volume`."""
    first, *parts = setting.split(",")
    return {"volume": first, **dict(part.split("=", 1) for part in parts if "=" in part)}


def gibibytes(size):
    """Proxmox's "20G", "512M" or "1T", in GiB."""
    number, unit = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", size).groups()
    return float(number) * {"": 2**-30, "K": 2**-20, "M": 2**-10, "G": 1, "T": 2**10}[unit]


def must_grow(guest, where, setting, wanted):
    """Whether what is set grows to `wanted` GiB. Ends the program where it would have to shrink: that destroys data."""
    size = volume(setting).get("size")
    if size is None:
        sys.exit(f"guest {guest.vmid} ({guest.hostname}) has no size of {where} in its configuration; let its Proxmox host look: {TOOLS[guest.type]} rescan --vmid {guest.vmid}")
    present = gibibytes(size)
    if wanted < present:
        sys.exit(f"guest {guest.vmid} ({guest.hostname}) has {present:g} GiB at {where}, and {wanted} GiB are declared: "
                 "a smaller one would lose data. Declare what it has; a smaller disk comes with another machine "
                 f"(generations: machine/{guest.hostname})")
    return wanted > present
