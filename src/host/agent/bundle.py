"""The bundle, the text of a host's desired state, as data."""

import hashlib
import os
import re

from tools import Refused

VERSION = 1


SYSCTL_FILE = "/etc/sysctl.d/60-farm.conf"


PLACEHOLDER = re.compile(r"\$\{secret:([^}]+)\}")


FIELDS = {
    "version": {"version"},
    "secret": {"generation"},
    "account": {"role", "comment", "shell", "home", "groups", "system"},
    "directory": {"role", "owner", "mode"},
    "link": {"role", "target"},
    "file": {"role", "owner", "mode", "validate", "confirm", "content"},
    "sysctl": {"role", "value"},
    "unit": {"role", "state", "enabled", "confirm", "restart-on", "reload-on"},
    "database": {"role", "engine", "extensions"},
    "database-account": {"role", "engine", "secret", "grants", "connections"},
    "listen": {"role", "service"},
    "founding": {"command"},
    "gate": {"role", "command", "within"},
    "probe": {"role", "command", "within"},
}


# The bundle leaves empty values out.
OPTIONAL = {"comment", "groups", "validate", "confirm", "restart-on", "reload-on", "grants", "extensions", "connections", "role"}

VALUES = {
    "owner": r"[^:\s]+:[^:\s]+",
    "mode": r"[0-7]{4}",
    "system": r"yes|no",
    "enabled": r"yes|no",
    "confirm": r"yes",
    "state": r"running|stopped|masked|unmanaged",
    "engine": r"mariadb|postgresql",
    "extensions": r"[a-z][a-z0-9_-]*( [a-z][a-z0-9_-]*)*",
    "connections": r"[0-9]+",
    "within": r"[0-9]+(\.[0-9]+)? s",
    "version": r"[0-9][A-Za-z0-9.+:~-]*",
}

ABSOLUTE_PATH = r"(/(?!\.{0,2}(/|$))[^/]+)+"
# Everything else may be called as it likes. A name that begins with a dash would be an option of some command.
NAMES = {
    "package": r"[a-z0-9][a-z0-9+.-]*[a-z0-9+]",
    "version": r"[a-z0-9][a-z0-9+.-]*[a-z0-9+]",
    "file": ABSOLUTE_PATH,
    "directory": ABSOLUTE_PATH,
    "link": ABSOLUTE_PATH,
    "account": r"[a-z_][a-z0-9_-]*",
    "sysctl": r"[a-z][\w/-]*(\.[\w/-]+)+",
    # A template (`x@.service`) is not a unit, only its instances are.
    "unit": r"[A-Za-z0-9][\w:.\\@-]*(?<!@)\.(service|socket|timer|target|mount|automount|swap|path|slice)",
}


class Bundle:
    """A parsed bundle: `host`, `sha256`, `packages` (names) and for each kind of FIELDS a dict of dicts by name."""

    def __init__(self, text):
        self.text = text
        self.sha256 = hashlib.sha256(text.encode()).hexdigest()
        self.packages = []
        self.entries = {kind: {} for kind in FIELDS}
        lines = text.split("\n")
        self._check_frame(lines)
        self._parse(lines[1:-2])
        sysctls = "".join(f"{key} = {s['value']}\n" for key, s in self.entries["sysctl"].items())
        if sysctls:
            self.entries["file"][SYSCTL_FILE] = {"owner": "root:root", "mode": "0644", "validate": "", "content": sysctls, "confirm": ""}

    def _check_frame(self, lines):
        head = re.fullmatch(r"farm bundle (\d+) for (\S+)", lines[0])
        if not head:
            raise Refused("this is no bundle: its first line is not `farm bundle VERSION for HOST`")
        if int(head[1]) != VERSION:
            raise Refused(f"the bundle is of version {head[1]}, this agent reads {VERSION}: install its own agent first")
        self.host = head[2]
        if self.host != os.uname().nodename:
            raise Refused(f"the bundle is for {self.host}, this host is {os.uname().nodename}")
        end = lines[-2] if len(lines) > 2 else ""
        if lines[-1] != "" or end != f"end {len(lines) - 2}":
            raise Refused(f"the bundle is cut short or changed: it does not end with `end {len(lines) - 2}`")

    def _parse(self, lines):
        number = 0
        while number < len(lines):
            line = lines[number]
            number += 1
            if line == "":
                continue
            if line.startswith(" "):
                raise Refused(f"line {number + 1} of the bundle belongs to no entry: {line.strip()[:60]}")
            kind, _, name = line.partition(" ")
            block, number = self._block(lines, number)
            if kind == "packages":
                self.packages = [entry.strip() for entry in block]
                for package in self.packages:
                    check_name("package", package)
            elif kind in FIELDS and name:
                check_name(kind, name)
                if name in self.entries[kind]:
                    raise Refused(f"the bundle has two entries for {kind} {name}")
                self.entries[kind][name] = self._fields(kind, name, block)
            else:
                raise Refused(f"line {number} of the bundle: unknown kind of entry `{line[:60]}`")

    @staticmethod
    def _block(lines, number):
        """The lines of one entry: up to the next line that is neither indented nor empty."""
        start = number
        while number < len(lines) and (lines[number] == "" or lines[number].startswith("    ")):
            number += 1
        block = lines[start:number]
        while block and block[-1] == "":
            block.pop()
        return block, number

    @staticmethod
    def _fields(kind, name, block):
        fields = {}
        for index, line in enumerate(block):
            key, _, value = line[4:].partition(":")
            if key not in FIELDS[kind]:
                raise Refused(f"{kind} {name} of the bundle has an unknown field `{key[:40]}`")
            if key == "content":
                content = block[index + 1:]
                fields["content"] = "".join(f"{text[8:]}\n" for text in content) or "\n"
                break
            fields[key] = value[1:]
            if key in VALUES and not re.fullmatch(VALUES[key], fields[key]):
                raise Refused(f"{kind} {name} of the bundle: `{fields[key][:40]}` can't be its {key}")
        missing = FIELDS[kind] - OPTIONAL - fields.keys()
        if missing:
            raise Refused(f"{kind} {name} of the bundle lacks the field `{min(missing)}`")
        return {**dict.fromkeys(FIELDS[kind] & OPTIONAL, ""), **fields}

    def __getattr__(self, kind):
        return self.entries[kind.replace("_", "-")]


def check_name(kind, name):
    if kind in NAMES and not re.fullmatch(NAMES[kind], name):
        raise Refused(f"`{name[:60]}` can't be the name of a {kind}")
