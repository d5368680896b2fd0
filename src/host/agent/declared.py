"""In what this host differs from the bundle that was applied last, told one by one."""

import grp
import os
import pwd

from bundle import PLACEHOLDER
from facts import packages_now, read_sysctl
from finding import finding, unified
from tools import owner_ids, read_bytes

# What is wrong with a unit that needs this done. One that only lacks a restart has a changed file, which is told.
UNIT_STATES = {
    "start": "does not run ({ActiveState}, {SubState})",
    "stop": "runs, and shall not",
    "enable": "does not start at boot ({UnitFileState})",
    "disable": "starts at boot, and shall not",
    "mask": "is not masked any more",
    "unmask": "is masked",
}


def declared_drift(differences):
    """The findings of all kinds of entries, accounts apart: those have sides that no bundle declares."""
    bundle, found = differences.bundle, []
    found += [finding("package", name, "is removed") for name in differences.packages]
    found += [finding("package", name, "its installation was cut off") for name in differences.unfinished]
    installed = packages_now().installed
    found += [finding("package", name, f"version {version} → {installed[name]}") for name, version in differences.versions.items()]
    for path in differences.files:
        found += file_drift(path, bundle.file[path], differences.rendered[path])
    for path in differences.links:
        found.append(finding("link", path, f"a link to {bundle.link[path]['target']} → {place(path)}"))
    for path in differences.directories:
        there = os.path.isdir(path) and not os.path.islink(path)
        found += rights_drift(path, bundle.directory[path]) if there else [finding("directory", path, place(path))]
    for key in differences.sysctls:
        now = read_sysctl(key)
        found.append(finding("sysctl", key, f"{bundle.sysctl[key]['value']} → {'not there' if now is None else now}"))
    return found + unit_drift(differences)


def place(path):
    """What there is at a path, in words."""
    if os.path.islink(path):
        return f"a link to {os.readlink(path)}"
    if os.path.isdir(path):
        return "a directory"
    return "a file" if os.path.lexists(path) else "missing"


def file_drift(path, file, rendered):
    present = read_bytes(path)
    if present is None:
        return [finding("file", path, place(path))]
    if present == rendered:
        return rights_drift(path, file)
    if PLACEHOLDER.search(file["content"]):
        what, diff = "content changed; it holds secrets, so it is not shown", None
    else:
        what, diff = "content changed", unified(path, file["content"], present.decode(errors="replace"), "+")
    return [finding("file", path, what, diff), *rights_drift(path, file)]


def rights_drift(path, entry):
    """Mode and owner of a file or directory that is there."""
    present, found = os.stat(path), []
    mode = f"{present.st_mode & 0o7777:04o}"
    if mode != entry["mode"]:
        found.append(finding("mode", path, f"{entry['mode']} → {mode}"))
    if (present.st_uid, present.st_gid) != owner_ids(entry["owner"]):
        found.append(finding("owner", path, f"{entry['owner']} → {owner_name(present.st_uid, present.st_gid)}"))
    return found


def owner_name(uid, gid):
    """`user:group`, with numbers in place of names that are not there."""
    names = []
    for lookup, number in ((pwd.getpwuid, uid), (grp.getgrgid, gid)):
        try:
            names.append(lookup(number)[0])
        except KeyError:
            names.append(str(number))
    return ":".join(names)


def unit_drift(differences):
    wrong = {}
    for name, verb in differences.units:
        if verb in UNIT_STATES:
            wrong.setdefault(name, []).append(UNIT_STATES[verb].format(**differences.unit_states[name]))
    return [finding("unit", name, "; ".join(texts)) for name, texts in wrong.items()]
