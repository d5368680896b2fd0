"""In what this host differs from a bundle."""

import os

from bundle import PLACEHOLDER
from facts import PACKAGE, account_exists, account_is, as_found, packages_now, read_sysctl, unit_inputs, unit_states
from secrecy import everybody_may_read, hide
from state import REPLACED, render
from tools import owner_ids, read_bytes


class Differences:
    """All in which this host differs from a bundle. `lines` says each in one line, for people."""

    def __init__(self, bundle, state, secrets):
        self.bundle, self.state = bundle, state
        for account in bundle.database_account.values():
            render(f"${{secret:{account['secret']}}}", secrets)
        present = packages_now()
        self.unfinished = present.unfinished
        self.packages = [name for name in bundle.packages if name not in present.installed]
        # Packages of another version than the one that is declared for their source, and what they are to become.
        self.versions = {name: bundle.version[source]["version"] for name, (source, version) in present.sources.items()
                         if source in bundle.version and version != bundle.version[source]["version"]}
        self.rendered = {path: render(f["content"], secrets).encode() for path, f in bundle.file.items()}
        self.files = [path for path, f in bundle.file.items() if self._file_differs(path, f)]
        self.links = [path for path, l in bundle.link.items()
                      if not (os.path.islink(path) and os.readlink(path) == l["target"])]
        self.directories = [path for path, d in bundle.directory.items() if not self._directory_is(path, d)]
        self.accounts = [name for name, a in bundle.account.items() if not account_is(name, a)]
        self.sysctls = [key for key, s in bundle.sysctl.items() if read_sysctl(key) != " ".join(s["value"].split())]
        paths = {*bundle.file, *bundle.link, *bundle.directory}
        self.gone = {kind: [name for name in state.owned[kind] if name not in (bundle.account if kind == "account" else paths)]
                     for kind in state.owned}
        self.gone_sysctls = [key for key in state.sysctls if key not in bundle.sysctl]
        self.gone_units = [name for name in state.units if name not in bundle.unit]
        self.unit_states = unit_states(list(bundle.unit))
        self.units = unit_actions(bundle, state, self.unit_states)

    def _file_differs(self, path, file):
        if read_bytes(path) != self.rendered[path]:
            return True
        present = os.stat(path)
        return (present.st_mode & 0o7777) != int(file["mode"], 8) or (present.st_uid, present.st_gid) != owner_ids(file["owner"])

    @staticmethod
    def _directory_is(path, directory):
        if os.path.islink(path) or not os.path.isdir(path):
            return False
        present = os.stat(path)
        return (present.st_mode & 0o7777) == int(directory["mode"], 8) and \
            (present.st_uid, present.st_gid) == owner_ids(directory["owner"])

    def changes(self):
        """All but what has to be done to the bundle's units, which is known for sure only when its files are in place."""
        singular = {"files": "file", "links": "link", "directories": "directory", "accounts": "account", "sysctls": "sysctl"}
        found = [f"package {name}: install" for name in self.packages]
        found += [f"package {name}: change from {packages_now().installed[name]} to {version}" for name, version in self.versions.items()]
        found += [f"package {name}: finish its interrupted installation" for name in self.unfinished if name not in self.packages]
        for plural, kind in singular.items():
            for name in getattr(self, plural):
                there = os.path.lexists(name) if name.startswith("/") else kind == "sysctl" or account_exists(name)
                found.append(f"{kind} {name}: {'change' if there else 'make'}")
        found += [f"{kind} {name}: {'lock' if kind == 'account' else 'remove'}" for kind, names in self.gone.items() for name in names]
        found += [f"sysctl {key}: let go" for key in self.gone_sysctls]
        return found + [f"unit {name}: let go" for name in self.gone_units]

    def unit_actions_ahead(self):
        """(unit, verb) of what has to be done to units, also on account of files that are going to change."""
        touched = dict(self.units)
        for name, unit in self.bundle.unit.items():
            if unit["state"] != "running" or name in touched:
                continue
            for verb in ("restart", "reload"):
                if name not in touched and set(unit[f"{verb}-on"].split()) & {*self.files, *(f"{PACKAGE}{package}" for package in self.versions)}:
                    touched[name] = verb
        return sorted(touched.items())

    def lines(self):
        return self.changes() + [f"unit {name}: {verb}" for name, verb in self.unit_actions_ahead()]

    def diff(self, applied):
        """Unified diffs of the files that differ, fit for a log; `applied` is the bundle that was activated here last, or None."""
        declared = applied.file if applied else {}
        return "\n".join(file_diff(path, self.bundle.file[path]["content"], declared.get(path)) for path in self.files)


def file_diff(path, new, applied):
    """
    Of a file with secrets only the unrendered texts are compared. What else stands there may hold secrets of somebody's:
    of a file that was not ours all of it counts as one, unless everybody on the host may read it. `applied` is its entry
    in the bundle before, or None.
    """
    import difflib
    present, note = (read_bytes(path) or b"").decode(errors="replace"), []
    if PLACEHOLDER.search(new) or (applied and PLACEHOLDER.search(applied["content"])):
        old, signs = applied["content"] if applied else "", ""
    elif applied or present in ("", new) or everybody_may_read(path):
        old, signs = present, "-"
    else:
        old, signs = "", ""
        note = [f"(replaces {len(present.splitlines())} lines that not everybody may read; they are kept in {REPLACED})"]
    lines = hide(list(difflib.unified_diff(old.splitlines(), new.splitlines(), path, path, lineterm="")), signs)
    return "\n".join([*lines[:2], *note, *lines[2:]]) or f"--- {path}\n+++ {path}\n(owner, mode or a secret's value differs)"


def unit_actions(bundle, state, states):
    """
    What has to be done to units as things stand: a list of (unit, verb) in the order in which it is done. First comes all
    for those that administrators come in by: others may need the packet filter and the mesh as they are to be.
    """
    actions = []
    for name, unit in bundle.unit.items():
        present = states[name]
        masked = present["LoadState"] == "masked"
        file_state, active = present["UnitFileState"], as_found(present)["active"]
        if unit["state"] == "masked":
            actions += [] if masked else [(name, "mask")]
            continue
        if masked:
            actions.append((name, "unmask"))
        # Static units and the like have nothing to enable or disable.
        if unit["enabled"] == "yes" and file_state in ("disabled", "masked", ""):
            actions.append((name, "enable"))
        if unit["enabled"] == "no" and file_state in ("enabled", "masked"):
            actions.append((name, "disable"))
        if unit["state"] == "stopped" and active:
            actions.append((name, "stop"))
        if unit["state"] == "running":
            actions += running_action(name, unit, active, state)
    order = ["unmask", "mask", "stop", "disable", "enable", "start", "restart", "reload"]
    rank = lambda name, verb: (bundle.unit[name]["confirm"] != "yes", order.index(verb), founding_role(bundle, name))
    return sorted(actions, key=lambda action: rank(*action))


def founding_role(bundle, unit):
    """The role of a unit if that takes other hosts which may be yet to come, else ""."""
    role = bundle.unit[unit]["role"]
    return role if role in bundle.founding else ""


def running_action(name, unit, active, state):
    if not active:
        return [(name, "start")]
    known = state.units.get(name, {})
    inputs = unit_inputs(unit)
    for verb in ("restart", "reload"):
        if unit[f"{verb}-on"] and known.get(verb) != inputs[verb]:
            return [(name, verb)]
    return []
