"""Files of a container that have a volume of their own: a ZFS dataset, whose quota is the mount's size.

A mount is known by its path. It is added and grows in place; nothing here takes one away, since its files would go too.
"""
import sys

from guest_tool import STORAGE, call, must_grow, settings, volume


def wanted(text):
    """Reads "/srv/files=20": path and GiB."""
    path, size = text.rsplit("=", 1)
    return path, int(size)


def present(config):
    """The mounts of a container's configuration by path: name (mp0) and setting. Directories of this host are none: no volume."""
    found = {key: value for key, value in config.items() if key.startswith("mp") and key[2:].isdigit() and not value.startswith("/")}
    return {volume(value)["mp"]: (key, value) for key, value in found.items()}


def options(mounts, taken=()):
    """Options that make new mounts, under the lowest names that are free."""
    names = (f"mp{number}" for number in range(256) if f"mp{number}" not in taken)
    return [part for (path, size), name in zip(mounts, names) for part in (f"--{name}", f"{STORAGE}:{size},mp={path},backup=1")]


def growth(guest, config):
    """What has to grow, as name and GiB. Ends the program, with the reason, for a disk or mount that is to shrink or go."""
    there = present(config)
    declared = dict(guest.mount)
    for path, (name, _) in there.items():
        if path not in declared:
            sys.exit(f"guest {guest.vmid} ({guest.hostname}) has files at {path}, which is declared no more: declare it again, or, on its "
                     f"Proxmox host, pct set {guest.vmid} --delete {name} and restart it; they are kept as an unused volume until somebody deletes that")
    sizes = [("rootfs", "/", config["rootfs"], guest.disk)]
    sizes += [(there[path][0], path, there[path][1], size) for path, size in guest.mount if path in there]
    return [(name, size) for name, path, setting, size in sizes if must_grow(guest, path, setting, size)]


def grow(guest, volumes):
    for name, size in volumes:
        call("pct", "resize", guest.vmid, name, f"{size}G")


def add(guest):
    """Adds declared mounts that a running container does not have. Ends the program where one would hide files."""
    config = settings("lxc", guest.vmid)
    new = [(path, size) for path, size in guest.mount if path not in present(config)]
    for path, _ in new:
        hidden = call("pct", "exec", guest.vmid, "--", "sh", "-c", 'ls -A "$1" 2>/dev/null | head -n 1', "sh", path).stdout
        if hidden:
            sys.exit(f"guest {guest.vmid} ({guest.hostname}) has files in {path} on its disk, such as {hidden.strip()}, which a mount there would hide: "
                     "move them away, or mount at another path")
    if new:
        call("pct", "set", guest.vmid, *options(new, taken=config))


def refuse_loss(vmid):
    """Ends the program where a container that is to be destroyed has files of its own beside its disk."""
    config = settings("lxc", vmid)
    names = [f"{name} ({path})" for path, (name, _) in present(config).items()] + [key for key in config if key.startswith("unused")]
    if names:
        sys.exit(f"guest {vmid} has {', '.join(sorted(names))}, whose files would be destroyed with it. Save them; then, on its Proxmox host, "
                 f"pct shutdown {vmid}, pct set {vmid} --delete NAME makes an unused volume of a mount, and pct set {vmid} --delete unused0 destroys that")
