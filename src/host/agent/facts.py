"""What is on this host: packages, units, sysctls, accounts."""

import grp
import hashlib
import os
import pwd
import re

from tools import must, read_bytes


def packages_by_status():
    """Names of the packages that dpkg has installed and configured, and of those with which it was interrupted."""
    found = package_records()
    return ({name for name, record in found.items() if record["state"] == "installed"},
            sorted(name for name, record in found.items() if record["state"] not in ("installed", "config-files", "not-installed"))
            or (["dpkg"] if os.listdir("/var/lib/dpkg/updates") else []))


def package_records():
    """dpkg's own records: for each package what was asked for (`install`, `hold`), its state and version."""
    with open("/var/lib/dpkg/status", encoding="utf-8", errors="replace") as file:
        found = re.findall(r"^Package: (\S+)\n(?:(?!Status:).+\n)*Status: (\S+) \S+ (\S+)\n(?:(?!Version:).+\n)*(?:Version: (\S+))?", file.read(), re.M)
    return {name: {"selection": selection, "state": state, "version": version} for name, selection, state, version in found}


UNIT_PROPERTIES = ("Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "ActiveEnterTimestampMonotonic")


def unit_states(names):
    """For each unit its UNIT_PROPERTIES as systemd tells them, in one question."""
    if not names:
        return {}
    output = must("ask systemd for its units", ["systemctl", "show", f"--property={','.join(UNIT_PROPERTIES)}", "--", *names])
    blocks = output.strip().split("\n\n")
    return {name: dict(line.split("=", 1) for line in block.split("\n")) for name, block in zip(names, blocks)}


def as_found(state):
    """Of a unit's properties what can be brought back: whether it runs, and whether it is enabled, masked or neither."""
    return {"active": state["ActiveState"] in ("active", "activating", "reloading", "refreshing"), "file": state["UnitFileState"]}


def hash_files(paths):
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.encode() + b"\0" + (read_bytes(path) or b"") + b"\0")
    return digest.hexdigest()


def unit_inputs(unit):
    return {key: hash_files(unit[f"{key}-on"].split()) for key in ("restart", "reload")}


def sysctl_path(key):
    """As sysctl(8) has it: a dot within a name, such as an interface's, is written as a slash."""
    return "/proc/sys/" + key.translate({ord("."): "/", ord("/"): "."})


def read_sysctl(key):
    content = read_bytes(sysctl_path(key))
    return None if content is None else " ".join(content.decode().split())


def account_exists(name):
    try:
        return bool(pwd.getpwnam(name))
    except KeyError:
        return False


def describe_account(name):
    """An account in the words of the bundle; None when there is none or it is locked."""
    with open("/etc/shadow", encoding="utf-8", errors="replace") as file:
        expires = {line.split(":")[0]: line.split(":")[7] for line in file}
    if not account_exists(name) or expires.get(name):
        return None
    present = pwd.getpwnam(name)
    groups = sorted(g.gr_name for g in grp.getgrall() if name in g.gr_mem)
    return {"shell": present.pw_shell, "home": present.pw_dir, "comment": present.pw_gecos.split(",")[0], "groups": " ".join(groups)}


def account_is(name, account):
    present = describe_account(name)
    wanted = {"shell": account["shell"], "home": account["home"], "comment": account["comment"],
              "groups": " ".join(sorted(account["groups"].split()))}
    return present == wanted and os.path.isdir(account["home"])
