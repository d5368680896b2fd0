#!/usr/bin/env python3
"""The farm's agent: makes a host's desired state, the bundle, so. Python's standard library only; runs as root.

    agent secrets          take secrets (JSON on stdin) and keep them for root alone
    agent prepare          take a bundle (stdin): check, stage, validate, download packages; nothing that runs changes
    agent activate SHA256  make the prepared bundle so, ask its probes, go back to the former state if one says no
    agent apply [--check]  both at once; with --check print what would change, and change nothing
    agent verify           compare the host with what was applied last; changes nothing

Each prints one line of JSON on stdout, and what it does on stderr while it does it. Exit codes: 0 done, 1 failed,
2 the bundle or the secrets are refused and nothing was touched, 75 another run holds the lock.

A host on which nothing was ever activated has nothing of ours to protect. There `prepare` goes all the way but for
databases and probes, so that the members of a new cluster come up together; and there is no former state to go back
to: what was done stays, for the next run to build on.

Interruption. Before the first change the former state of all that will change is written to TRANSACTION; it stays
until a run has succeeded, so that the next run, which goes forward from whatever is there, can still go back to it.
What a unit was last (re)started with is kept by hash, so a restart that an interruption prevented is made up for.

The way back covers files, links, directories, sysctls, units, accounts (one that was made is locked) and passwords and
grants in the database. Packages and databases that were made stay. `wentBack` false with a former state means that some
of it could not be brought back; the error says what, and the next run tries again. Texts never hold a secret's value.
"""

import argparse
import base64
import copy
import fcntl
import grp
import hashlib
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import time

VERSION = 1
HOME = "/var/lib/farm"
SECRETS = f"{HOME}/secrets.json"
STATE = f"{HOME}/state.json"
APPLIED = f"{HOME}/applied.bundle"
STAGED = f"{HOME}/staged"
TRANSACTION = f"{HOME}/transaction"
FORMER = f"{TRANSACTION}/former.json"
ROOM = f"{TRANSACTION}/room"
REPLACED = f"{HOME}/replaced"
LOCK = "/run/farm-agent.lock"
SYSCTL_FILE = "/etc/sysctl.d/60-farm.conf"
# Where packages come from: switched before they are installed.
APT_DIRECTORY = "/etc/apt/"
POLICY = "/usr/sbin/policy-rc.d"
POLICY_TEXT = "#!/bin/sh\n# The farm's agent is installing packages; it starts services when they are configured.\nexit 101\n"
PASSWORD_HASH = r"\*[0-9A-Fa-f]{40}"
PLACEHOLDER = re.compile(r"\$\{secret:([^}]+)\}")

# Seconds. A service's own start may take TimeoutStartSec (90 by systemd's default) and wait for what it needs.
UNIT_LIMIT = 180
APT_LIMIT = 900
APT_LOCK_LIMIT = 120
DATABASE_LIMIT = 90
VALIDATOR_LIMIT = 60
POLL = 0.2

# Bytes kept free, beside the size of the former files, so that a full disk doesn't stop the way back.
ROOM_BYTES = 1 << 20


class Refused(Exception):
    """The input is wrong and nothing was touched."""


class Failed(Exception):
    """A change could not be made."""


def say(text):
    """Tells people. Nobody may be listening any more (a lost connection), and that must not stop a change half-way."""
    try:
        print(f"[{os.uname().nodename}] {masked(text)}", file=sys.stderr, flush=True)
    except OSError:
        pass


# What must never be told: values of secrets, line by line, and the hashes of passwords. Filled by `know_secrets`.
UNTOLD = set()


def know_secrets(secrets):
    for value in secrets.values():
        UNTOLD.update(line for line in value.splitlines() if len(line) >= 4)
        UNTOLD.add(native_hash(value))
    return secrets


def masked(value):
    """A text, or anything that JSON holds, with each known secret replaced."""
    if isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    if isinstance(value, str):
        for secret in sorted(UNTOLD, key=len, reverse=True):
            value = value.replace(secret, "[secret]")
    return value


# Bundle: text to data


FIELDS = {
    "secret": {"generation"},
    "account": {"role", "comment", "shell", "home", "groups", "system"},
    "directory": {"role", "owner", "mode"},
    "link": {"role", "target"},
    "file": {"role", "owner", "mode", "validate", "content"},
    "sysctl": {"role", "value"},
    "unit": {"role", "state", "enabled", "restart-on", "reload-on"},
    "database": {"role", "engine"},
    "database-account": {"role", "engine", "secret", "grants"},
    "listen": {"role", "service"},
    "probe": {"role", "command", "within"},
}


# The bundle leaves empty values out.
OPTIONAL = {"comment", "groups", "validate", "restart-on", "reload-on", "grants", "role"}

VALUES = {
    "owner": r"[^:\s]+:[^:\s]+",
    "mode": r"[0-7]{4}",
    "system": r"yes|no",
    "enabled": r"yes|no",
    "state": r"running|stopped|masked|unmanaged",
    "engine": r"mariadb",
    "within": r"[0-9]+(\.[0-9]+)? s",
}

ABSOLUTE_PATH = r"(/(?!\.{0,2}(/|$))[^/]+)+"
# Everything else may be called as it likes. A name that begins with a dash would be an option of some command.
NAMES = {
    "package": r"[a-z0-9][a-z0-9+.-]*[a-z0-9+]",
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
            self.entries["file"][SYSCTL_FILE] = {"owner": "root:root", "mode": "0644", "validate": "", "content": sysctls}

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


# Small tools


def run(argv, stdin=None, limit=60, env=None):
    """Runs a command without a shell; returns (exit code, output of both streams)."""
    try:
        done = subprocess.run(argv, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit, text=True,
                              errors="replace", env=env)
    except FileNotFoundError:
        return 127, f"{argv[0]}: not installed"
    except subprocess.TimeoutExpired:
        return 124, f"no answer within {limit} s"
    return done.returncode, done.stdout


def must(purpose, argv, **more):
    code, output = run(argv, **more)
    if code != 0:
        raise Failed(f"can't {purpose}: {last_lines(output, 8) or f'exit code {code}'}")
    return output


def last_lines(text, count):
    return "\n".join([line for line in text.splitlines() if line.strip()][-count:])


def sync_directory(path):
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def aside_of(path):
    """Where the successor of a file or link waits to be renamed into place; hidden, so that no `*` finds it."""
    return f"{os.path.dirname(path)}/.{os.path.basename(path)}.farm-new"


def remove_if_there(path):
    try:
        os.remove(path)
    except FileNotFoundError:
        pass


def write_file(path, content, mode, uid=0, gid=0):
    """Replaces a file in one step: after a power cut it is the old or the new one, whole."""
    aside = aside_of(path)
    remove_if_there(aside)
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.rename(aside, path)
        sync_directory(os.path.dirname(path))
    except OSError as error:
        remove_if_there(aside)
        raise Failed(f"can't write {path}: {error.strerror}") from None


def read_bytes(path):
    """The content of a regular file, or None where there is none."""
    if os.path.islink(path) or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        return file.read()


def owner_ids(owner):
    """(uid, gid) of `user:group`, or None while one of them does not exist."""
    user, group = owner.split(":")
    try:
        return pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def load_json(path, default):
    content = read_bytes(path)
    return default if content is None else json.loads(content)


class State:
    """
    What the agent remembers of this host. `save` before and after each thing that an interruption must not forget.
    The bundle that was activated last is a file of its own: its renaming into place is the moment a change is done.
    """

    def __init__(self):
        self.bundle_text = read_bytes(APPLIED)
        self.applied = hashlib.sha256(self.bundle_text).hexdigest() if self.bundle_text is not None else None
        self.take(load_json(STATE, {}))

    def take(self, stored):
        self.owned = {kind: stored.get("owned", {}).get(kind, []) for kind in ("file", "link", "directory", "account")}
        # By name: as it was `found`, and by hash what it was last (re)started and reloaded with.
        self.units = stored.get("units", {})
        # Values that we have replaced.
        self.sysctls = stored.get("sysctls", {})
        self.accounts_made = stored.get("databaseAccounts", [])

    def give(self):
        return {"owned": self.owned, "units": self.units, "sysctls": self.sysctls, "databaseAccounts": self.accounts_made}

    def save(self):
        text = json.dumps(self.give(), indent=1).encode()
        if read_bytes(STATE) != text:
            write_file(STATE, text, 0o600)


def applied_bundle(state):
    """The bundle that was activated last, or None on a host that never saw one through."""
    return Bundle(state.bundle_text.decode()) if state.applied else None


def render(text, secrets):
    def value(match):
        if match[1] not in secrets:
            raise Refused(f"the bundle needs the secret {match[1]}, which this host was not given: send secrets first")
        return secrets[match[1]]
    return PLACEHOLDER.sub(value, text)


# What is


def packages_by_status():
    """Names of the packages that dpkg has installed and configured, and of those with which it was interrupted."""
    with open("/var/lib/dpkg/status", encoding="utf-8", errors="replace") as file:
        found = re.findall(r"^Package: (\S+)\nStatus: \S+ \S+ (\S+)$", file.read(), re.M)
    return ({name for name, status in found if status == "installed"},
            sorted(name for name, status in found if status not in ("installed", "config-files", "not-installed"))
            or (["dpkg"] if os.listdir("/var/lib/dpkg/updates") else []))


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


# What differs


class Differences:
    """All in which this host differs from a bundle. `lines` says each in one line, for people."""

    def __init__(self, bundle, state, secrets):
        self.bundle, self.state = bundle, state
        for account in bundle.database_account.values():
            render(f"${{secret:{account['secret']}}}", secrets)
        installed, self.unfinished = packages_by_status()
        self.packages = [name for name in bundle.packages if name not in installed]
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
        found += [f"package {name}: finish its interrupted installation" for name in self.unfinished if name not in self.packages]
        for plural, kind in singular.items():
            for name in getattr(self, plural):
                there = os.path.lexists(name) if name.startswith("/") else kind == "sysctl" or account_exists(name)
                found.append(f"{kind} {name}: {'change' if there else 'make'}")
        found += [f"{kind} {name}: {'lock' if kind == 'account' else 'remove'}" for kind, names in self.gone.items() for name in names]
        found += [f"sysctl {key}: let go" for key in self.gone_sysctls]
        return found + [f"unit {name}: let go" for name in self.gone_units]

    def lines(self):
        # A file that is going to change will also restart what reads it.
        touched = {name: verb for name, verb in self.units}
        for name, unit in self.bundle.unit.items():
            if unit["state"] != "running" or name in touched:
                continue
            for verb in ("restart", "reload"):
                if name not in touched and set(unit[f"{verb}-on"].split()) & set(self.files):
                    touched[name] = verb
        return self.changes() + [f"unit {name}: {verb}" for name, verb in sorted(touched.items())]

    def diff(self, applied):
        """Unified diffs of the files that differ. Of a file with secrets only the unrendered texts are compared."""
        import difflib
        parts = []
        for path in self.files:
            new = self.bundle.file[path]["content"]
            old_entry = applied.file.get(path) if applied else None
            old = (read_bytes(path) or b"").decode(errors="replace")
            if PLACEHOLDER.search(new) or (old_entry and PLACEHOLDER.search(old_entry["content"])):
                old = old_entry["content"] if old_entry else ""
            lines = difflib.unified_diff(old.splitlines(), new.splitlines(), path, path, lineterm="")
            parts.append("\n".join(lines) or f"--- {path}\n+++ {path}\n(owner, mode or a secret's value differs)")
        return "\n".join(parts)


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


def unit_actions(bundle, state, states):
    """What has to be done to units as things stand: a list of (unit, verb) in the order in which it is done."""
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
    return sorted(actions, key=lambda action: order.index(action[1]))


def running_action(name, unit, active, state):
    if not active:
        return [(name, "start")]
    known = state.units.get(name, {})
    inputs = unit_inputs(unit)
    for verb in ("restart", "reload"):
        if unit[f"{verb}-on"] and known.get(verb) != inputs[verb]:
            return [(name, verb)]
    return []


# Staging


def stage(bundle, rendered, directory):
    """Lays out all files of a bundle below a directory that only root can enter, for validators to look at."""
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory, 0o700)
    os.chmod(STAGED, 0o700)
    for path, content in rendered.items():
        target = directory + path
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(content)
        os.chmod(target, int(bundle.file[path]["mode"], 8))


def validate(bundle, differences):
    """Runs the validators of all files that differ against their staged copies."""
    questions = [(path, bundle.file[path]["validate"]) for path in differences.files if bundle.file[path]["validate"]]
    if not questions:
        return
    directory = f"{STAGED}/{bundle.sha256}"
    try:
        stage(bundle, differences.rendered, directory)
        for path, command in questions:
            text = command.replace("%s", directory + path).replace("%d", directory)
            code, output = run(["/bin/sh", "-c", text], limit=VALIDATOR_LIMIT)
            if code != 0:
                raise Failed(f"{path} is not valid, says `{command}`: {last_lines(output, 8)}")
    except OSError as error:
        raise Failed(f"can't lay out the files for their validators: {error.strerror}") from None
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def keep_staged(bundle):
    os.makedirs(STAGED, 0o700, exist_ok=True)
    write_file(f"{STAGED}/{bundle.sha256}.bundle", bundle.text.encode(), 0o600)
    clear_staged(f"{bundle.sha256}.bundle")


def clear_staged(but=None):
    """Removes what a killed run had laid out for validators; with `but`, also all bundles prepared before that one."""
    for entry in os.scandir(STAGED) if os.path.isdir(STAGED) else []:
        if entry.is_dir():
            shutil.rmtree(entry.path)
        elif but and entry.name != but:
            os.remove(entry.path)


# Packages


def apt(*arguments):
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    options = ["-qq", "--yes", "--no-install-recommends", "-o", f"DPkg::Lock::Timeout={APT_LOCK_LIMIT}",
               "-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Options::=--force-confdef"]
    return run(["apt-get", *options, *arguments], limit=APT_LIMIT, env=environment)


def obtain(packages, *options):
    """apt-get install; asks the mirrors for new lists only when the present ones do not do."""
    code, output = apt("install", *options, *packages)
    if code == 0:
        return
    code, lists = apt("update")
    if code == 0:
        code, output = apt("install", *options, *packages)
    if code != 0:
        raise Failed(f"packages can't be installed ({' '.join(packages)}): {last_lines(output + lists, 6)}")


def download(differences):
    """Fetches packages into apt's cache before anything changes, where that can be done."""
    if not differences.packages:
        return
    if differences.unfinished or any(path.startswith(APT_DIRECTORY) for path in differences.files):
        say("packages: downloaded later, what apt needs for it has to change first")
        return
    say(f"packages: downloading {len(differences.packages)}: {' '.join(differences.packages)}")
    obtain(differences.packages, "--download-only")


def clear_policy():
    if read_bytes(POLICY) == POLICY_TEXT.encode():
        os.remove(POLICY)
    aside = f"{POLICY}.farm-kept"
    if os.path.lexists(aside) and not os.path.lexists(POLICY):
        os.rename(aside, POLICY)


def install(differences):
    """Installs packages in one transaction; their services stay off until we have configured them."""
    packages = differences.packages
    if not packages and not differences.unfinished:
        return
    say(f"packages: installing {len(packages)}")
    if os.path.lexists(POLICY):
        os.rename(POLICY, f"{POLICY}.farm-kept")
    write_file(POLICY, POLICY_TEXT.encode(), 0o755)
    try:
        finish_interrupted()
        if packages:
            obtain(packages)
    finally:
        clear_policy()
    installed, _ = packages_by_status()
    missing = [name for name in packages if name not in installed]
    if missing:
        raise Failed(f"apt-get says it installed {' '.join(missing)}, dpkg does not know of it")


def finish_interrupted():
    """Lets dpkg finish. apt waits for whoever else installs something, dpkg does not: so wait for their locks."""
    with open("/var/lib/dpkg/lock-frontend", "a", encoding="ascii") as frontend:
        await_lock(frontend)
        # An orphaned dpkg, whose apt was killed, holds this one alone.
        with open("/var/lib/dpkg/lock", "a", encoding="ascii") as database:
            await_lock(database)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "DPKG_FRONTEND_LOCKED": "1"}
        must("finish an interrupted installation", ["dpkg", "--configure", "--force-confold", "--force-confdef", "-a"],
             limit=APT_LIMIT, env=environment)


def await_lock(file):
    end = time.monotonic() + APT_LOCK_LIMIT
    while True:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            if time.monotonic() > end:
                raise Failed(f"somebody else has been installing packages for {APT_LOCK_LIMIT} s") from None
        time.sleep(POLL)


# The former state


def load_former(state):
    """
    The state before the change that is under way, be it this run's or that of an interrupted one. A memory from before
    the bundle that is applied now belongs to a run that was cut off when all was done.
    """
    former = load_json(FORMER, None)
    if former is None or former["applied"] != state.applied:
        former = {"applied": state.applied, "state": copy.deepcopy(state.give()), "paths": {}, "sysctls": {}, "units": {},
                  "accounts": {}, "databaseAccounts": {}, "settled": [*state.owned["file"], *state.owned["link"]]}
    return former


def save_former(former):
    write_file(FORMER, json.dumps(former).encode(), 0o600)


def remember(former, differences):
    """Writes down, before the first change, what stands in the way of it. An earlier memory is never overwritten."""
    bundle, gone = differences.bundle, differences.gone
    for path in [*differences.files, *differences.links, *differences.directories, *gone["file"], *gone["link"], *gone["directory"]]:
        for each in [*missing_parents(path), path]:
            if each not in former["paths"]:
                former["paths"][each] = describe(each)
    for key in [*differences.sysctls, *differences.gone_sysctls]:
        former["sysctls"].setdefault(key, read_sysctl(key))
    for name, unit in unit_states([*bundle.unit, *differences.gone_units]).items():
        former["units"].setdefault(name, as_found(unit))
    for name in [*differences.accounts, *gone["account"]]:
        if name not in former["accounts"]:
            former["accounts"][name] = describe_account(name)
    os.makedirs(TRANSACTION, 0o700, exist_ok=True)
    sync_directory(HOME)
    keep_room(sum(len((described or {}).get("content", "")) for described in former["paths"].values()))
    save_former(former)


def missing_parents(path):
    parent = os.path.dirname(path)
    return [] if os.path.lexists(parent) else [*missing_parents(parent), parent]


def keep_room(size):
    """Takes the space that the way back needs while there still is some."""
    try:
        handle = os.open(ROOM, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(handle, 0, size + ROOM_BYTES)
        finally:
            os.close(handle)
    except OSError as error:
        remove_if_there(ROOM)
        raise Failed(f"can't keep {size + ROOM_BYTES} bytes of the disk free for the way back: {error.strerror}") from None


def forget_former(former):
    for path in former["paths"]:
        remove_if_there(aside_of(path))
    shutil.rmtree(TRANSACTION, ignore_errors=True)


def describe(path):
    if os.path.islink(path):
        return {"link": os.readlink(path)}
    if not os.path.lexists(path):
        return None
    present = os.stat(path)
    described = {"mode": present.st_mode & 0o7777, "uid": present.st_uid, "gid": present.st_gid}
    content = read_bytes(path)
    return described if content is None else {**described, "content": base64.b64encode(content).decode()}


def keep_originals(paths, former):
    """Keeps what was here before us, once and for good. A package may bring a file only after the former state was noted."""
    fresh = [path for path in paths if path not in former["settled"]]
    for path in fresh:
        kept = REPLACED + path
        if os.path.lexists(kept) or not (os.path.islink(path) or os.path.isfile(path)):
            continue
        os.makedirs(os.path.dirname(kept), 0o700, exist_ok=True)
        os.chmod(REPLACED, 0o700)
        restore(kept, describe(path))
    if fresh:
        former["settled"] += fresh
        save_former(former)


def restore(path, former):
    """Makes a path what `describe` said it was. What is so already isn't touched."""
    if describe(path) == former:
        return
    if former is None:
        if os.path.isdir(path) and not os.path.islink(path):
            if not os.listdir(path):
                os.rmdir(path)
        else:
            os.remove(path)
    elif "link" in former:
        make_link(path, former["link"])
    elif "content" in former:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_file(path, base64.b64decode(former["content"]), former["mode"], former["uid"], former["gid"])
    else:
        os.makedirs(path, exist_ok=True)
        os.chown(path, former["uid"], former["gid"])
        os.chmod(path, former["mode"])


# Switching


def make_link(path, target):
    if os.path.isdir(path) and not os.path.islink(path):
        raise Failed(f"link {path}: a directory is in its place; move it away")
    aside = aside_of(path)
    remove_if_there(aside)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.symlink(target, aside)
    os.rename(aside, path)
    sync_directory(os.path.dirname(path))


def switch_directory(path, directory):
    ids = owner_ids(directory["owner"])
    if ids is None:
        raise Failed(f"directory {path}: there is no {directory['owner']} on this host")
    if os.path.lexists(path) and not os.path.isdir(path):
        raise Failed(f"directory {path}: something else is in its place; move it away")
    os.makedirs(path, exist_ok=True)
    os.chown(path, *ids)
    os.chmod(path, int(directory["mode"], 8))


def switch_file(path, file, content):
    ids = owner_ids(file["owner"])
    if ids is None:
        raise Failed(f"file {path}: there is no {file['owner']} on this host")
    if os.path.isdir(path) and not os.path.islink(path):
        raise Failed(f"file {path}: a directory is in its place; move it away")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_file(path, content, int(file["mode"], 8), *ids)


def switch_account(name, account):
    groups = account["groups"].split()
    for group in groups:
        must(f"make the group {group}", ["groupadd", "--force", group])
    options = ["--shell", account["shell"], "--comment", account["comment"], "--groups", ",".join(groups), name]
    if not account_exists(name):
        options = ["--create-home", "--home-dir", account["home"], *options]
        kind = ["--system"] if account.get("system") == "yes" else []
        # A group of that name may be there already, such as one of another account's.
        own = ["--gid", name] if any(group.gr_name == name for group in grp.getgrall()) else ["--user-group"]
        must(f"make the account {name}", ["useradd", *kind, *own, *options])
        return
    must(f"change the account {name}", ["usermod", "--home", account["home"], "--expiredate", "", *options])
    if not os.path.isdir(account["home"]):
        must(f"make the home of {name}", ["mkhomedir_helper", name])


def close_account(name):
    """Locks an account that is no longer wanted; its home stays."""
    if not account_exists(name):
        return
    must(f"lock the account {name}", ["usermod", "--lock", "--expiredate", "1", "--shell", "/usr/sbin/nologin", "--groups", "", name])
    run(["loginctl", "terminate-user", name])


def write_sysctl(key, value):
    try:
        with open(sysctl_path(key), "w", encoding="utf-8") as file:
            file.write(value)
    except OSError as error:
        raise Failed(f"sysctl {key} can't be set to {value} here: {error.strerror}") from None


def remove_gone(gone):
    for kind in ("file", "link"):
        for path in gone[kind]:
            if os.path.lexists(path):
                os.remove(path)
                sync_directory(os.path.dirname(path))
    for path in sorted(gone["directory"], reverse=True):
        if os.path.isdir(path) and not os.listdir(path):
            os.rmdir(path)
    for name in gone["account"]:
        close_account(name)


# Units


def settle_units(bundle, state, wait):
    """Brings the bundle's units into their states. `wait`: until each has done what it was told."""
    actions = unit_actions(bundle, state, unit_states(list(bundle.unit)))
    verbs = {}
    for name, verb in actions:
        verbs.setdefault(verb, []).append(name)
    for verb, names in verbs.items():
        say(f"units: {verb} {' '.join(names)}")
        starting = verb in ("start", "restart", "reload")
        options = ["--now"] if verb == "mask" else []
        if starting:
            options = [] if wait else ["--no-block"]
            run(["systemctl", "reset-failed", "--", *names])
            # Forget what a unit runs with, so that one whose start is interrupted is started anew.
            for name in names:
                for key in ("reload",) if verb == "reload" else ("restart", "reload"):
                    state.units[name].pop(key, None)
            state.save()
        must(f"{verb} {' '.join(names)}", ["systemctl", *options, verb, "--", *names], limit=UNIT_LIMIT)
        if starting:
            for name in names:
                state.units[name].update(unit_inputs(bundle.unit[name]))
    for name, unit in bundle.unit.items():
        if unit["state"] == "running" and "restart" not in state.units[name]:
            state.units[name].update(unit_inputs(unit))
    if actions:
        state.save()
    return [f"unit {name}: {verb}" for name, verb in actions]


def bring_back(found, verbs):
    """Of what tells units from how they were found, that part which `verbs` undo."""
    for name, present in unit_states(list(found)).items():
        was, now = found[name], as_found(present)
        wanted = {
            "disable": now["file"] == "enabled" and was["file"] != "enabled",
            "unmask": now["file"] == "masked" and was["file"] != "masked",
            "stop": now["active"] and not was["active"],
            "reset-failed": present["ActiveState"] == "failed",
            "enable": was["file"] == "enabled" and now["file"] != "enabled",
            "mask": was["file"] == "masked" and now["file"] != "masked",
            "start": was["active"] and not now["active"],
        }
        for verb in verbs:
            if wanted[verb]:
                must(f"{verb} {name}", ["systemctl", verb, "--", name], limit=UNIT_LIMIT)


# What we have done to a unit is undone while its files are still there, what was undone is done again with its own files.
UNDO = ("disable", "unmask", "stop", "reset-failed")
REDO = ("mask", "enable", "start")


def let_units_go(names, state):
    """Units that are no longer declared: what we started, enabled or masked goes back, what ran before us stays."""
    bring_back({name: state.units[name]["found"] for name in names}, UNDO)
    for name in names:
        del state.units[name]
    if names:
        state.save()


def journal_of(units):
    options = [option for unit in units for option in ("--unit", unit)]
    return last_lines(run(["journalctl", "--no-pager", "--lines=15", "--output=short", *options])[1], 15) if units else ""


# Databases


def sql(statement):
    """Rows of a query on the local MariaDB, as root by its socket; the statement goes by stdin, not the command line."""
    code, output = run(["mariadb", "--batch", "--skip-column-names", "--raw"], stdin=statement, limit=30)
    if code != 0:
        # The client repeats the statement before the error; and the error may quote a former password's hash from it.
        raise Failed(f"MariaDB says: {re.sub(PASSWORD_HASH, '[secret]', last_lines(output, 1))}")
    return [line.split("\t") for line in output.splitlines()]


def quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def await_database():
    """Waits until the local server takes writes: in a cluster it has to be synced first."""
    end = time.monotonic() + DATABASE_LIMIT
    answer = "no answer"
    while time.monotonic() < end:
        try:
            rows = dict(sql("SHOW STATUS LIKE 'wsrep_ready'; SHOW VARIABLES LIKE 'wsrep_on'"))
            if rows.get("wsrep_on", "OFF") == "OFF" or rows.get("wsrep_ready") == "ON":
                return
            answer = "the cluster is not ready"
        except Failed as failure:
            answer = str(failure)
        time.sleep(POLL)
    raise Failed(f"the database takes no writes within {DATABASE_LIMIT} s: {answer}")


def native_hash(password):
    inner = hashlib.sha1(password.encode()).digest()
    return "*" + hashlib.sha1(inner).hexdigest().upper()


def settle_databases(bundle, state, secrets):
    """Databases and accounts as declared. Databases are never dropped; accounts we made and no longer want are locked."""
    accounts = bundle.database_account
    gone = [name for name in state.accounts_made if name not in accounts]
    if not (bundle.database or accounts or gone):
        return []
    await_database()
    changes = []
    state.accounts_made = sorted({*state.accounts_made, *accounts})
    state.save()
    present = {row[0] for row in sql("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")}
    for name in bundle.database:
        if name not in present:
            sql(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
            changes.append(f"database {name}: make")
    known = {row[0] for row in sql("SELECT User FROM mysql.user WHERE Host = '%'")}
    for name, account in accounts.items():
        if settle_account(name, account, secrets[account["secret"]], name in known, state):
            changes.append(f"database account {name}: {'change' if name in known else 'make'}")
    for name in gone:
        if name in known:
            remember_account(name, describe_database_account(name), state)
            sql(f"ALTER USER {quote(name)}@'%' ACCOUNT LOCK")
            changes.append(f"database account {name}: lock")
    state.accounts_made = sorted(accounts)
    state.save()
    return changes


def describe_database_account(name):
    """The statements that would make an account anew: first its CREATE USER, then its grants."""
    user = f"{quote(name)}@'%'"
    return [row[0] for row in sql(f"SHOW CREATE USER {user}; SHOW GRANTS FOR {user}")]


def remember_account(name, described, state):
    former = load_former(state)
    if name not in former["databaseAccounts"]:
        former["databaseAccounts"][name] = described
        os.makedirs(TRANSACTION, 0o700, exist_ok=True)
        save_former(former)


def return_account(name, described):
    user = f"{quote(name)}@'%'"
    if described is None:
        sql(f"ALTER USER IF EXISTS {user} ACCOUNT LOCK")
        return
    create, *grants = described
    lock = "" if "ACCOUNT LOCK" in create else " ACCOUNT UNLOCK"
    sql("; ".join([create.replace("CREATE", "ALTER", 1) + lock, f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user}", *grants]))


def settle_account(name, account, password, exists, state):
    """Makes one account so; returns whether that changed anything."""
    user = f"{quote(name)}@'%'"
    wanted = native_hash(password)
    described = describe_database_account(name) if exists else None
    create, *present = described or [""]
    grants = {grant for grant in account["grants"].split("; ") if grant}
    others = {re.sub(r"^GRANT (.*) TO .*$", r"\1", grant) for grant in present if not grant.startswith("GRANT USAGE ON *.*")}
    usable = f"IDENTIFIED BY PASSWORD '{wanted}'" in create and "ACCOUNT LOCK" not in create
    if usable and others == grants:
        return False
    remember_account(name, described, state)
    if not usable:
        sql(f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY PASSWORD '{wanted}'; "
            f"ALTER USER {user} IDENTIFIED BY PASSWORD '{wanted}' ACCOUNT UNLOCK")
    if others != grants:
        sql("; ".join([f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user}", *(f"GRANT {grant} TO {user}" for grant in sorted(grants))]))
    return True


# Probes


def ask(name, command, within, limit):
    """Polls one probe until it says yes or its time is over. Returns None, or why it says no."""
    end = time.monotonic() + min(within, limit)
    while True:
        code, output = run(["/bin/sh", "-c", command], limit=max(10, min(30, end - time.monotonic())))
        if code == 0:
            return None
        if time.monotonic() >= end:
            return f"probe \"{name}\" says no after {min(within, limit):g} s (exit {code}): {last_lines(output, 4)}"
        time.sleep(POLL)


def units_running(bundle, limit):
    """Waits until all units that shall run do; a unit that failed for good ends the wait."""
    wanted = [name for name, unit in bundle.unit.items() if unit["state"] == "running"]
    end = time.monotonic() + min(limit, UNIT_LIMIT)
    while True:
        states = unit_states(wanted)
        waiting = {name: state["SubState"] for name, state in states.items() if state["ActiveState"] not in ("active", "reloading", "refreshing")}
        failed = [name for name in waiting if states[name]["ActiveState"] in ("failed", "inactive")]
        if not waiting:
            return []
        if failed or time.monotonic() >= end:
            return [f"unit {name} is {sub}" for name, sub in waiting.items()]
        time.sleep(POLL)


def probe_all(bundle, limit=float("inf")):
    """Asks all probes side by side, and whether all units run. Returns what says no. `limit` in seconds."""
    from concurrent.futures import ThreadPoolExecutor
    probes = [(name, probe["command"], float(probe["within"].split()[0])) for name, probe in bundle.probe.items()]
    with ThreadPoolExecutor(max_workers=len(probes) + 1) as pool:
        answers = [pool.submit(ask, *probe, limit) for probe in probes]
    # The units last: one that starts and dies at once is seen dead by then.
    return units_running(bundle, limit) + [why for why in (answer.result() for answer in answers) if why]


# The whole


def make_so(differences, state, wait):
    """Everything but databases and probes: packages, accounts, files, units. Returns what it did."""
    bundle, changes = differences.bundle, differences.changes()
    say(f"record: {len(changes)} changes")
    former = load_former(state)
    if bundle.sha256 != state.applied or differences.lines():
        remember(former, differences)
    own(differences, state)
    switch_packages(differences, former)
    if differences.files:
        say(f"validate: {len(differences.files)} files")
        validate(bundle, differences)
    for name in differences.accounts:
        say(f"account: {name}")
        switch_account(name, bundle.account[name])
    for path in differences.directories:
        switch_directory(path, bundle.directory[path])
    if differences.files or differences.links:
        say(f"files: switching {len(differences.files) + len(differences.links)}")
    keep_originals([*differences.files, *differences.links], former)
    for path in differences.files:
        switch_file(path, bundle.file[path], differences.rendered[path])
    for path in differences.links:
        make_link(path, bundle.link[path]["target"])
    switch_sysctls(differences, state)
    if differences.gone_units:
        say(f"units: letting go {' '.join(differences.gone_units)}")
        let_units_go(differences.gone_units, state)
    if any(differences.gone.values()):
        say("remove: what is no longer declared")
        remove_gone(differences.gone)
    # Also for a change that an interrupted run has made.
    if os.path.exists(TRANSACTION):
        must("make systemd read its units anew", ["systemctl", "daemon-reload"])
    changes += settle_units(bundle, state, wait)
    for kind in state.owned:
        state.owned[kind] = [name for name in state.owned[kind] if name in bundle.entries[kind]]
    state.save()
    return changes


def own(differences, state):
    """Writes down, before it is done, what will be ours. A directory that others have made stays theirs."""
    bundle = differences.bundle
    for kind in state.owned:
        new = [path for path in differences.directories if not os.path.lexists(path)] if kind == "directory" else bundle.entries[kind]
        state.owned[kind] = sorted({*state.owned[kind], *new})
    for key in differences.sysctls:
        state.sysctls.setdefault(key, read_sysctl(key))
    for name, unit in differences.unit_states.items():
        state.units.setdefault(name, {"found": as_found(unit)})
    state.save()


def switch_packages(differences, former):
    """Installs packages, after the files that say where they come from."""
    if not differences.packages and not differences.unfinished:
        return
    sources = [path for path in differences.files if path.startswith(APT_DIRECTORY)]
    keep_originals(sources, former)
    for path in sources:
        switch_file(path, differences.bundle.file[path], differences.rendered[path])
    install(differences)


def switch_sysctls(differences, state):
    for key in differences.sysctls:
        write_sysctl(key, differences.bundle.sysctl[key]["value"])
    for key in differences.gone_sysctls:
        if state.sysctls[key] is not None:
            write_sysctl(key, state.sysctls[key])
        del state.sysctls[key]


def go_back(former_bundle, state):
    """
    Returns to the state that was before this change, as far as that can be done. Returns what could not; the former
    state is then kept for the next run.
    """
    say("going back to the former state")
    former, problems = load_former(state), []

    def attempt(step, *arguments):
        try:
            step(*arguments)
        except Exception as problem:
            problems.append(explain(problem))

    remove_if_there(ROOM)
    # Whether an unmanaged unit runs is nobody's business now either: it may be at work by its timer.
    managed = {name: was for name, was in former["units"].items() if former_bundle.unit.get(name, {}).get("state") != "unmanaged"}
    attempt(bring_back, managed, UNDO)
    for path in sorted(former["paths"]):
        if former["paths"][path] is not None:
            attempt(restore, path, former["paths"][path])
    for path in sorted(former["paths"], reverse=True):
        if former["paths"][path] is None:
            attempt(restore, path, None)
    for key, value in former["sysctls"].items():
        if value is not None:
            attempt(write_sysctl, key, value)
    for name, described in former["accounts"].items():
        attempt(*((close_account, name) if described is None else (switch_account, name, described)))
    attempt(must, "make systemd read its units anew", ["systemctl", "daemon-reload"])
    units, owned = former["state"]["units"], state.owned
    state.take({**former["state"], "units": {name: state.units.get(name, units[name]) for name in units}})
    attempt(settle_units, former_bundle, state, True)
    attempt(bring_back, managed, REDO)
    for name, described in former["databaseAccounts"].items():
        attempt(return_account, name, described)
    if problems:
        # What could not be removed now is still ours to remove.
        state.owned = owned
    attempt(state.save)
    if not problems:
        forget_former(former)
    return problems


def activate(bundle, state, secrets):
    """Makes a bundle so and asks its probes; goes back to the former state if anything fails. Returns the report."""
    former_bundle = applied_bundle(state)
    differences = Differences(bundle, state, secrets)
    try:
        changes = make_so(differences, state, wait=True)
        if bundle.database or bundle.database_account:
            say("databases")
        changes += settle_databases(bundle, state, secrets)
        say(f"probes: {len(bundle.probe)}")
        failures = probe_all(bundle)
        if failures:
            raise Failed("; ".join(failures))
        say("record: applied")
        former = load_former(state)
        if state.applied != bundle.sha256:
            write_file(APPLIED, bundle.text.encode(), 0o600)
    except Exception as failure:
        report = {"ok": False, "error": explain(failure), "journal": journal_of(list(bundle.unit)), "wentBack": False}
        if former_bundle is not None:
            problems = go_back(former_bundle, state)
            report["wentBack"] = not problems
            if problems:
                report["error"] += f"; going back failed too: {'; '.join(problems)}"
        return report
    forget_former(former)
    left = [f"package {name}" for name in (former_bundle.packages if former_bundle else []) if name not in bundle.packages]
    return {"ok": True, "changes": changes, "left": left}


def explain(failure):
    if isinstance(failure, Failed):
        return str(failure)
    if isinstance(failure, OSError) and failure.strerror:
        return f"{failure.filename or 'the system'}: {failure.strerror}"
    return f"{type(failure).__name__}: {failure}"


# Commands


def take_secrets(_):
    """Keeps what this host may know. Names are told, values never."""
    try:
        message = json.load(sys.stdin)
        host, values = message["host"], {name: value + "" for name, value in message["secrets"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused("secrets come as JSON on stdin: {\"host\": NAME, \"secrets\": {NAME: VALUE}}") from None
    if host != os.uname().nodename:
        raise Refused(f"these secrets are for {host}, this host is {os.uname().nodename}")
    know_secrets(values)
    changed = load_json(SECRETS, None) != values
    if changed:
        write_file(SECRETS, json.dumps(values).encode(), 0o600)
    return {"ok": True, "changed": changed, "secrets": sorted(values)}


def read_bundle():
    try:
        return Bundle(sys.stdin.buffer.read().decode())
    except UnicodeDecodeError:
        raise Refused("this is no bundle: it is not UTF-8 text") from None


def load_secrets():
    return know_secrets(load_json(SECRETS, {}))


def look_ahead(bundle, state, secrets):
    """What can be found wrong with a bundle before anything changes. Returns the differences."""
    differences = Differences(bundle, state, secrets)
    say(f"stage: {len(differences.lines())} differences")
    download(differences)
    # A validator may come with a package that is not installed yet: then it runs once that is.
    if not differences.packages and not differences.unfinished:
        validate(bundle, differences)
    return differences


def prepare(_):
    bundle, state = read_bundle(), State()
    differences = look_ahead(bundle, state, load_secrets())
    keep_staged(bundle)
    report = {"ok": True, "sha256": bundle.sha256, "differences": differences.lines()}
    if state.applied is None:
        report["changes"] = make_so(differences, state, wait=False)
    return report


def activate_staged(arguments):
    text = read_bytes(f"{STAGED}/{arguments.sha256}.bundle")
    if text is None:
        raise Refused(f"no bundle {arguments.sha256[:12]} is prepared on this host: run prepare first")
    bundle = Bundle(text.decode())
    return {"sha256": bundle.sha256, **activate(bundle, State(), load_secrets())}


def apply(arguments):
    bundle, state, secrets = read_bundle(), State(), load_secrets()
    if arguments.check:
        differences = Differences(bundle, state, secrets)
        return {"ok": True, "sha256": bundle.sha256, "differences": differences.lines(), "diff": differences.diff(applied_bundle(state))}
    look_ahead(bundle, state, secrets)
    return {"sha256": bundle.sha256, **activate(bundle, state, secrets)}


def verify(_):
    """How the host stands against what was applied last; asks each probe once."""
    state = State()
    bundle = applied_bundle(state)
    if bundle is None:
        return {"ok": True, "applied": None, "inSync": False, "healthy": False, "differences": [], "unhealthy": ["nothing was ever activated here"], "units": {}}
    differences = Differences(bundle, state, load_secrets())
    unhealthy = probe_all(bundle, limit=0)
    starts = {name: int(u["ActiveEnterTimestampMonotonic"]) for name, u in differences.unit_states.items()}
    lines = differences.lines()
    applied_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(os.stat(APPLIED).st_mtime))
    return {"ok": True, "applied": state.applied, "appliedAt": applied_at, "inSync": not lines, "healthy": not unhealthy,
            "differences": lines, "unhealthy": unhealthy, "probes": sorted(bundle.probe), "units": starts}


def lock():
    """One change at a time; the kernel frees the lock when its holder dies, however it dies."""
    handle = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(handle, 200).decode() or "it has only just begun"
        print(json.dumps({"ok": False, "error": f"another run holds the lock: {holder}"}))
        say(f"another run holds the lock: {holder}")
        sys.exit(75)
    os.ftruncate(handle, 0)
    os.write(handle, f"pid {os.getpid()}, {sys.argv[1]}, since {time.strftime('%H:%M:%S')}".encode())


def parse_arguments():
    parser = argparse.ArgumentParser(prog="agent", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, action in (("secrets", take_secrets), ("prepare", prepare), ("activate", activate_staged), ("apply", apply), ("verify", verify)):
        command = commands.add_parser(name)
        command.set_defaults(action=action, check=False)
        if name == "activate":
            command.add_argument("sha256", metavar="SHA256")
        if name == "apply":
            command.add_argument("--check", action="store_true", help="print what would change, and change nothing")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    os.umask(0o022)
    began = time.monotonic()
    reading = arguments.check or arguments.action is verify
    try:
        if not reading:
            lock()
            os.makedirs(HOME, 0o700, exist_ok=True)
            # What a killed run has left; what it left aside elsewhere goes with its transaction.
            clear_policy()
            clear_staged()
            for path in (STATE, SECRETS, APPLIED, POLICY):
                remove_if_there(aside_of(path))
        report, code = arguments.action(arguments), 0
    except Refused as refusal:
        report, code = {"ok": False, "error": str(refusal)}, 2
    except (Failed, OSError) as failure:
        report, code = {"ok": False, "error": explain(failure)}, 1
    if not report["ok"]:
        code = code or 1
        say(report["error"])
        if report.get("journal"):
            say(f"the last lines of the journal:\n{report['journal']}")
    print(json.dumps({"host": os.uname().nodename, **masked(report), "seconds": round(time.monotonic() - began, 2)}))
    sys.exit(code)


if __name__ == "__main__":
    main()
