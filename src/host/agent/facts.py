"""What is on this host: packages, units, sysctls, accounts."""

import functools
import grp
import hashlib
import os
import pwd
import re

from tools import must, read_bytes


DPKG_STATUS = "/var/lib/dpkg/status"


class Packages:
    """
    What dpkg says: `installed` has for each package that is installed and configured its version, `sources` the name
    and version of the source package it was built from, `held` what is asked for instead of its installation where
    that is so (`hold`); `unfinished` names those with which dpkg was interrupted.
    """

    def __init__(self):
        self.installed, self.sources, self.held, unfinished = {}, {}, {}, []
        with open(DPKG_STATUS, encoding="utf-8", errors="replace") as file:
            entries = file.read().split("\n\n")
        for entry in entries:
            # Some have a line between, such as `Essential: yes`.
            found = re.match(r"Package: (\S+)\n(?:.+\n){0,2}?Status: (\S+) \S+ (\S+)\n", entry)
            if not found:
                continue
            name, selection, status = found.groups()
            if status == "installed":
                version = re.search(r"^Version: (\S+)$", entry, re.M)[1]
                source = re.search(r"^Source: (\S+)(?: \((\S+)\))?$", entry, re.M)
                self.installed[name] = version
                if selection != "install":
                    self.held[name] = selection
                self.sources[name] = (source[1], source[2] or version) if source else (name, version)
            elif status not in ("config-files", "not-installed"):
                unfinished.append(name)
        self.unfinished = sorted(unfinished) or (["dpkg"] if os.listdir("/var/lib/dpkg/updates") else [])


@functools.lru_cache(maxsize=1)
def packages_when(_):
    return Packages()


def packages_now():
    """The packages of this host, read anew when dpkg has changed something."""
    present = os.stat(DPKG_STATUS)
    return packages_when((present.st_ino, present.st_mtime_ns, len(os.listdir("/var/lib/dpkg/updates"))))


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


PACKAGE = "package:"


def hash_inputs(inputs):
    """One hash over what a unit was started with: contents of files, versions of packages (`package:NAME`)."""
    digest = hashlib.sha256()
    for name in inputs:
        if name.startswith(PACKAGE):
            content = packages_now().installed.get(name.removeprefix(PACKAGE), "").encode()
        else:
            content = read_bytes(name) or b""
        digest.update(name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()


def unit_inputs(unit):
    return {key: hash_inputs(unit[f"{key}-on"].split()) for key in ("restart", "reload")}


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


# How an account is left that is no longer wanted: see close_account.
CLOSED = {"shell": "/usr/sbin/nologin", "groups": "", "expires": "1"}


def describe_account(name):
    """An account in the words of the bundle, with `expires` where it does (shadow(5)); None when there is none or it is closed."""
    with open("/etc/shadow", encoding="utf-8", errors="replace") as file:
        expires = {line.split(":")[0]: line.split(":")[7] for line in file}
    if not account_exists(name):
        return None
    present = pwd.getpwnam(name)
    groups = sorted(g.gr_name for g in grp.getgrall() if name in g.gr_mem)
    described = {"shell": present.pw_shell, "home": present.pw_dir, "comment": present.pw_gecos.split(",")[0], "groups": " ".join(groups)}
    if expires.get(name):
        described["expires"] = expires[name]
    return None if described.items() >= CLOSED.items() else described


def account_is(name, account):
    present = describe_account(name)
    wanted = {"shell": account["shell"], "home": account["home"], "comment": account["comment"],
              "groups": " ".join(sorted(account["groups"].split()))}
    return present == wanted and os.path.isdir(account["home"])
