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
"""

import argparse
import base64
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
REPLACED = f"{HOME}/replaced"
LOCK = "/run/farm-agent.lock"
SYSCTL_FILE = "/etc/sysctl.d/60-farm.conf"
UNIT_DIRECTORY = "/etc/systemd/system/"
POLICY = "/usr/sbin/policy-rc.d"
POLICY_TEXT = "#!/bin/sh\n# The farm's agent is installing packages; it starts services when they are configured.\nexit 101\n"
PLACEHOLDER = re.compile(r"\$\{secret:([^}]+)\}")

# Seconds. A service's own start may take TimeoutStartSec (90 by systemd's default) and wait for what it needs.
UNIT_LIMIT = 180
APT_LIMIT = 900
DATABASE_LIMIT = 90
VALIDATOR_LIMIT = 60
POLL = 0.2


class Refused(Exception):
    """The input is wrong and nothing was touched."""


class Failed(Exception):
    """A change could not be made."""


def say(text):
    print(f"[{os.uname().nodename}] {text}", file=sys.stderr, flush=True)


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
            self.entries["file"][SYSCTL_FILE] = {"owner": "root:root", "mode": "0644", "content": sysctls}

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
            elif kind in FIELDS and name:
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
                fields["content"] = "".join(f"{text[8:]}\n" for text in content)
                break
            fields[key] = value[1:]
        return fields

    def __getattr__(self, kind):
        return self.entries[kind.replace("_", "-")]


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


def write_file(path, content, mode, uid=0, gid=0):
    """Replaces a file in one step: after a power cut it is the old or the new one, whole."""
    aside = f"{os.path.dirname(path)}/.{os.path.basename(path)}.farm-new"
    if os.path.lexists(aside):
        os.remove(aside)
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        os.fchown(file.fileno(), uid, gid)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())
    os.rename(aside, path)
    sync_directory(os.path.dirname(path))


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
    """What the agent remembers of this host. `save` after each thing that an interruption must not forget."""

    def __init__(self):
        stored = load_json(STATE, {})
        self.applied = stored.get("applied")
        self.applied_at = stored.get("appliedAt")
        self.owned = {kind: stored.get("owned", {}).get(kind, []) for kind in ("file", "link", "directory", "account")}
        self.units = stored.get("units", {})
        self.accounts_made = stored.get("databaseAccounts", [])

    def save(self):
        text = json.dumps({"applied": self.applied, "appliedAt": self.applied_at, "owned": self.owned,
                           "units": self.units, "databaseAccounts": self.accounts_made}, indent=1)
        write_file(STATE, text.encode(), 0o600)


def applied_bundle(state):
    """The bundle that was activated last, or None on a host that never saw one through."""
    text = read_bytes(APPLIED)
    return Bundle(text.decode()) if state.applied and text is not None else None


def render(text, secrets):
    def value(match):
        if match[1] not in secrets:
            raise Refused(f"the bundle needs the secret {match[1]}, which this host was not given: send secrets first")
        return secrets[match[1]]
    return PLACEHOLDER.sub(value, text)


# What is


def installed_packages():
    """Names of the packages that dpkg has installed and configured."""
    with open("/var/lib/dpkg/status", encoding="utf-8", errors="replace") as file:
        return set(re.findall(r"^Package: (\S+)\nStatus: \S+ ok installed$", file.read(), re.M))


UNIT_PROPERTIES = ("Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "ActiveEnterTimestampMonotonic")


def unit_states(names):
    """For each unit its UNIT_PROPERTIES as systemd tells them, in one question."""
    if not names:
        return {}
    output = must("ask systemd for its units", ["systemctl", "show", f"--property={','.join(UNIT_PROPERTIES)}", "--", *names])
    blocks = output.strip().split("\n\n")
    return {name: dict(line.split("=", 1) for line in block.split("\n")) for name, block in zip(names, blocks)}


def hash_files(paths):
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.encode() + b"\0" + (read_bytes(path) or b"") + b"\0")
    return digest.hexdigest()


def unit_inputs(unit):
    return {key: hash_files(unit.get(f"{key}-on", "").split()) for key in ("restart", "reload")}


def read_sysctl(key):
    content = read_bytes("/proc/sys/" + key.replace(".", "/"))
    return None if content is None else " ".join(content.decode().split())


# What differs


class Differences:
    """All in which this host differs from a bundle. `lines` says each in one line, for people."""

    def __init__(self, bundle, state, secrets):
        self.bundle, self.state = bundle, state
        installed = installed_packages()
        self.packages = [name for name in bundle.packages if name not in installed]
        self.rendered = {path: render(f["content"], secrets).encode() for path, f in bundle.file.items()}
        self.files = [path for path, f in bundle.file.items() if self._file_differs(path, f)]
        self.links = [path for path, l in bundle.link.items()
                      if not (os.path.islink(path) and os.readlink(path) == l["target"])]
        self.directories = [path for path, d in bundle.directory.items() if not self._directory_is(path, d)]
        self.accounts = [name for name, a in bundle.account.items() if not account_is(name, a)]
        self.sysctls = [key for key, s in bundle.sysctl.items() if read_sysctl(key) != s["value"]]
        self.gone = {kind: [name for name in state.owned[kind] if name not in bundle.entries[kind]] for kind in state.owned}
        self.gone_units = [name for name in state.units if name not in bundle.unit]
        self.units = unit_actions(bundle, state)

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

    def lines(self):
        singular = {"files": "file", "links": "link", "directories": "directory", "accounts": "account", "sysctls": "sysctl"}
        found = [f"package {name}: install" for name in self.packages]
        for plural, kind in singular.items():
            for name in getattr(self, plural):
                there = os.path.lexists(name) if name.startswith("/") else name in self.state.owned.get(kind, [])
                found.append(f"{kind} {name}: {'change' if there else 'make'}")
        found += [f"{kind} {name}: remove" for kind, names in self.gone.items() for name in names]
        found += [f"unit {name}: let go" for name in self.gone_units]
        # A file that is going to change will also restart what reads it.
        touched = {name: verb for name, verb in self.units}
        for name, unit in self.bundle.unit.items():
            if unit["state"] != "running" or name in touched:
                continue
            for verb in ("restart", "reload"):
                if name not in touched and set(unit.get(f"{verb}-on", "").split()) & set(self.files):
                    touched[name] = verb
        return found + [f"unit {name}: {verb}" for name, verb in sorted(touched.items())]

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


def account_is(name, account):
    try:
        present = pwd.getpwnam(name)
    except KeyError:
        return False
    groups = sorted(g.gr_name for g in grp.getgrall() if name in g.gr_mem)
    return (present.pw_shell, present.pw_dir, present.pw_gecos.split(",")[0], groups) == \
        (account["shell"], account["home"], account["comment"], sorted(account.get("groups", "").split()))


def unit_actions(bundle, state):
    """What has to be done to units as things stand: a list of (unit, verb) in the order in which it is done."""
    states = unit_states(list(bundle.unit))
    actions = []
    for name, unit in bundle.unit.items():
        present = states[name]
        masked = present["LoadState"] == "masked"
        file_state = present["UnitFileState"]
        if unit["state"] == "masked":
            actions += [] if masked else [(name, "mask")]
            continue
        if masked:
            actions.append((name, "unmask"))
        # Static units and the like have nothing to enable or disable.
        if unit["enabled"] == "yes" and file_state in ("disabled", "masked", ""):
            actions.append((name, "enable"))
        if unit["enabled"] == "no" and file_state == "enabled":
            actions.append((name, "disable"))
        active = present["ActiveState"] in ("active", "activating", "reloading", "refreshing")
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
        if unit.get(f"{verb}-on") and known.get(verb) != inputs[verb]:
            return [(name, verb)]
    return []


# Staging


def stage(bundle, rendered):
    """Lays out all files of a bundle below a directory that only root can enter, for validators to look at."""
    directory = f"{STAGED}/{bundle.sha256}"
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory, 0o700)
    os.chmod(STAGED, 0o700)
    for path, content in rendered.items():
        target = directory + path
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(content)
        os.chmod(target, int(bundle.file[path]["mode"], 8))
    return directory


def validate(bundle, differences):
    """Runs the validators of all files that differ against their staged copies."""
    directory = stage(bundle, differences.rendered)
    try:
        for path in differences.files:
            command = bundle.file[path].get("validate")
            if not command:
                continue
            text = command.replace("%s", directory + path).replace("%d", directory)
            code, output = run(["/bin/sh", "-c", text], limit=VALIDATOR_LIMIT)
            if code != 0:
                raise Failed(f"{path} is not valid, says `{command}`: {last_lines(output, 8)}")
    finally:
        shutil.rmtree(directory)


def keep_staged(bundle):
    os.makedirs(STAGED, 0o700, exist_ok=True)
    write_file(f"{STAGED}/{bundle.sha256}.bundle", bundle.text.encode(), 0o600)
    for name in os.listdir(STAGED):
        if name != f"{bundle.sha256}.bundle":
            path = f"{STAGED}/{name}"
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)


# Packages


def apt(*arguments):
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    options = ["-qq", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120",
               "-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Options::=--force-confdef"]
    return run(["apt-get", *options, *arguments], limit=APT_LIMIT, env=environment)


def download(packages):
    """Fetches packages into apt's cache; asks the mirrors for new lists only when the present ones do not do."""
    if not packages:
        return
    say(f"packages: downloading {len(packages)}: {' '.join(packages)}")
    code, output = apt("install", "--download-only", *packages)
    if code == 0:
        return
    code, lists = apt("update")
    if code == 0:
        code, output = apt("install", "--download-only", *packages)
    if code != 0:
        raise Failed(f"packages can't be had ({' '.join(packages)}): {last_lines(output + lists, 6)}")


def clear_policy():
    if read_bytes(POLICY) == POLICY_TEXT.encode():
        os.remove(POLICY)
    aside = f"{POLICY}.farm-kept"
    if os.path.lexists(aside) and not os.path.lexists(POLICY):
        os.rename(aside, POLICY)


def install(packages):
    """Installs packages in one transaction; their services stay off until we have configured them."""
    if not packages:
        return
    say(f"packages: installing {len(packages)}")
    if os.path.lexists(POLICY):
        os.rename(POLICY, f"{POLICY}.farm-kept")
    write_file(POLICY, POLICY_TEXT.encode(), 0o755)
    try:
        must("finish an interrupted installation", ["dpkg", "--configure", "--force-confold", "--force-confdef", "-a"], limit=APT_LIMIT)
        code, output = apt("install", *packages)
        if code != 0:
            raise Failed(f"packages can't be installed ({' '.join(packages)}): {last_lines(output, 8)}")
    finally:
        clear_policy()
    missing = [name for name in packages if name not in installed_packages()]
    if missing:
        raise Failed(f"apt-get says it installed {' '.join(missing)}, dpkg does not know of it")


# The former state


def remember(paths, sysctls):
    """Writes down, before the first change, what stands in the way of it. An earlier memory is never overwritten."""
    os.makedirs(TRANSACTION, 0o700, exist_ok=True)
    journal = f"{TRANSACTION}/former.json"
    former = load_json(journal, {"paths": {}, "sysctls": {}})
    for path in paths:
        if path not in former["paths"]:
            former["paths"][path] = describe(path)
    for key in sysctls:
        former["sysctls"].setdefault(key, read_sysctl(key))
    write_file(journal, json.dumps(former).encode(), 0o600)


def describe(path):
    if os.path.islink(path):
        return {"link": os.readlink(path)}
    if not os.path.lexists(path):
        return None
    present = os.stat(path)
    described = {"mode": present.st_mode & 0o7777, "uid": present.st_uid, "gid": present.st_gid}
    content = read_bytes(path)
    return described if content is None else {**described, "content": base64.b64encode(content).decode()}


def keep_original(path):
    """Keeps a file that was here before us, once and for good."""
    content = read_bytes(path)
    if content is None or os.path.lexists(REPLACED + path):
        return
    os.makedirs(os.path.dirname(REPLACED + path), 0o700, exist_ok=True)
    os.chmod(REPLACED, 0o700)
    present = os.stat(path)
    write_file(REPLACED + path, content, present.st_mode & 0o7777, present.st_uid, present.st_gid)


def restore(path, former):
    if former is None:
        if os.path.isdir(path) and not os.path.islink(path):
            if not os.listdir(path):
                os.rmdir(path)
        elif os.path.lexists(path):
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
    aside = f"{path}.farm-new"
    if os.path.lexists(aside):
        os.remove(aside)
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


def switch_file(path, file, content, owned):
    ids = owner_ids(file["owner"])
    if ids is None:
        raise Failed(f"file {path}: there is no {file['owner']} on this host")
    if os.path.isdir(path) and not os.path.islink(path):
        raise Failed(f"file {path}: a directory is in its place; move it away")
    if not owned:
        keep_original(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_file(path, content, int(file["mode"], 8), *ids)


def switch_account(name, account):
    for group in account.get("groups", "").split():
        must(f"make the group {group}", ["groupadd", "--force", group])
    options = ["--shell", account["shell"], "--comment", account["comment"], "--groups", ",".join(account.get("groups", "").split())]
    try:
        pwd.getpwnam(name)
    except KeyError:
        kind = ["--system"] if account["system"] == "yes" else []
        must(f"make the account {name}", ["useradd", *kind, "--create-home", "--home-dir", account["home"], *options, name])
        return
    must(f"change the account {name}", ["usermod", "--home", account["home"], "--expiredate", "", *options, name])


def close_account(name):
    """Locks an account that is no longer wanted; its home stays."""
    must(f"lock the account {name}", ["usermod", "--lock", "--expiredate", "1", "--shell", "/usr/sbin/nologin", "--groups", "", name])
    run(["loginctl", "terminate-user", name])


def write_sysctl(key, value):
    try:
        with open("/proc/sys/" + key.replace(".", "/"), "w", encoding="ascii") as file:
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
    actions = unit_actions(bundle, state)
    verbs = {}
    for name, verb in actions:
        verbs.setdefault(verb, []).append(name)
    for verb, names in verbs.items():
        say(f"units: {verb} {' '.join(names)}")
        options = []
        if verb in ("start", "restart", "reload"):
            options = [] if wait else ["--no-block"]
            run(["systemctl", "reset-failed", "--", *names])
            note_units(names, verb, bundle, state)
        elif verb in ("mask", "disable"):
            options = ["--now"]
        code, output = run(["systemctl", *options, verb, "--", *names], limit=UNIT_LIMIT)
        if code != 0:
            raise Failed(f"systemctl {verb} failed: {last_lines(output, 6)}")
        if verb in ("start", "restart", "reload"):
            for name in names:
                state.units[name].update(unit_inputs(bundle.unit[name]))
    for name, unit in bundle.unit.items():
        entry = state.units.setdefault(name, {"startedByUs": False, "maskedByUs": False})
        if unit["state"] == "masked" and (name, "mask") in actions:
            entry["maskedByUs"] = True
        if unit["state"] == "running" and "restart" not in entry:
            entry.update(unit_inputs(unit))
    if actions:
        state.save()
    return [f"unit {name}: {verb}" for name, verb in actions]


def note_units(names, verb, bundle, state):
    """Before a start is tried: forget what a unit ran with, so that an interrupted one is tried again."""
    for name in names:
        entry = state.units.setdefault(name, {"startedByUs": False, "maskedByUs": False})
        entry["startedByUs"] = entry["startedByUs"] or verb == "start"
        for key in (verb, "reload") if verb != "reload" else ("reload",):
            entry.pop(key, None)
    state.save()


def let_units_go(names, state):
    """Units that are no longer declared: what we started or masked goes back, what ran before us stays."""
    for name in names:
        entry = state.units[name]
        if entry["maskedByUs"]:
            must(f"unmask {name}", ["systemctl", "unmask", "--", name])
        elif entry["startedByUs"]:
            run(["systemctl", "disable", "--now", "--", name], limit=UNIT_LIMIT)
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
        raise Failed(f"MariaDB says: {last_lines(output, 3)}")
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
    present = {row[0] for row in sql("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")}
    for name in bundle.database:
        if name not in present:
            sql(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
            changes.append(f"database {name}: make")
    known = {row[0]: row[1] for row in sql("SELECT User, CONCAT(plugin, ' ', authentication_string, ' ', "
                                           "COALESCE(JSON_VALUE(Priv, '$.account_locked'), '0')) "
                                           "FROM mysql.global_priv JOIN mysql.user USING (User, Host) WHERE Host = '%'")}
    for name, account in accounts.items():
        if settle_account(name, account, secrets[account["secret"]], known.get(name)):
            changes.append(f"database account {name}: {'change' if name in known else 'make'}")
    for name in gone:
        if name in known:
            sql(f"ALTER USER {quote(name)}@'%' ACCOUNT LOCK")
            changes.append(f"database account {name}: lock")
    state.accounts_made = sorted(accounts)
    if changes:
        state.save()
    return changes


def settle_account(name, account, password, known):
    """Makes one account so; returns whether that changed anything."""
    user = f"{quote(name)}@'%'"
    wanted = native_hash(password)
    changed = known is None or known.lower() not in (f"mysql_native_password {wanted} 0".lower(),
                                                     f"mysql_native_password {wanted} false".lower())
    if changed:
        sql(f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY PASSWORD '{wanted}'; "
            f"ALTER USER {user} IDENTIFIED BY PASSWORD '{wanted}' ACCOUNT UNLOCK")
    grants = account["grants"].split("; ")
    present = [row[0] for row in sql(f"SHOW GRANTS FOR {user}")]
    usage = [grant for grant in present if grant.startswith("GRANT USAGE ON *.*")]
    others = {re.sub(r"^GRANT (.*) TO .*$", r"\1", re.sub(r" IDENTIFIED BY .*$", "", grant)) for grant in present if grant not in usage}
    if others != set(grants):
        statements = [f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user}"] + [f"GRANT {grant} TO {user}" for grant in grants]
        sql("; ".join(statements))
        changed = True
    return changed


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
        units = pool.submit(units_running, bundle, limit)
        answers = [pool.submit(ask, *probe, limit) for probe in probes]
        return units.result() + [why for why in (answer.result() for answer in answers) if why]


# The whole


def make_so(bundle, state, secrets, wait):
    """Everything but databases and probes: packages, accounts, files, units. Returns what it did."""
    differences = Differences(bundle, state, secrets)
    changes = [line for line in differences.lines() if not line.startswith("unit ")]
    say(f"record: {len(changes)} changes")
    for kind in state.owned:
        state.owned[kind] = sorted({*state.owned[kind], *bundle.entries[kind]})
    owned_before = load_json(STATE, {}).get("owned", {}).get("file", [])
    if changes:
        state.save()
        gone_paths = [path for kind in ("file", "link", "directory") for path in differences.gone[kind]]
        remember([*differences.files, *differences.links, *differences.directories, *gone_paths], differences.sysctls)
    install(differences.packages)
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
    for path in differences.files:
        switch_file(path, bundle.file[path], differences.rendered[path], path in owned_before)
    for path in differences.links:
        make_link(path, bundle.link[path]["target"])
    for key in differences.sysctls:
        write_sysctl(key, bundle.sysctl[key]["value"])
    if differences.gone_units:
        say(f"units: letting go {' '.join(differences.gone_units)}")
        let_units_go(differences.gone_units, state)
    say("remove: what is no longer declared")
    remove_gone(differences.gone)
    reload_systemd([*differences.files, *differences.links, *differences.gone["file"]])
    changes += settle_units(bundle, state, wait)
    for kind in state.owned:
        state.owned[kind] = sorted(bundle.entries[kind])
    if changes:
        state.save()
    return changes


def reload_systemd(paths):
    """Also after an interruption: systemd itself knows whether it has read its files since they changed."""
    stale = any(path.startswith(UNIT_DIRECTORY) for path in paths)
    if not stale and os.path.exists(TRANSACTION):
        stale = True
    if stale:
        must("make systemd read its units anew", ["systemctl", "daemon-reload"])


def go_back(bundle, former_bundle, state):
    """Returns to the state that was before this change: files, links, sysctls, units."""
    say("going back to the former state")
    former = load_json(f"{TRANSACTION}/former.json", {"paths": {}, "sysctls": {}})
    for path, described in sorted(former["paths"].items()):
        restore(path, described)
    for path in sorted(former["paths"], reverse=True):
        if former["paths"][path] is None:
            restore(path, None)
    for key, value in former["sysctls"].items():
        if value is not None:
            write_sysctl(key, value)
    must("make systemd read its units anew", ["systemctl", "daemon-reload"])
    let_units_go([name for name in bundle.unit if name not in former_bundle.unit and name in state.units], state)
    for name in bundle.account:
        if name not in former_bundle.account:
            close_account(name)
    settle_units(former_bundle, state, True)
    for kind in state.owned:
        state.owned[kind] = sorted(former_bundle.entries[kind])
    state.save()
    shutil.rmtree(TRANSACTION, ignore_errors=True)


def finish(bundle, state):
    say("record: applied")
    if state.applied != bundle.sha256:
        write_file(APPLIED, bundle.text.encode(), 0o600)
        state.applied, state.applied_at = bundle.sha256, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        state.save()
    shutil.rmtree(TRANSACTION, ignore_errors=True)


def activate(bundle, state, secrets):
    """Makes a bundle so and asks its probes; goes back to the former state if anything fails. Returns the report."""
    former_bundle = applied_bundle(state)
    try:
        changes = make_so(bundle, state, secrets, wait=True)
        if bundle.database or bundle.database_account:
            say("databases")
        changes += settle_databases(bundle, state, secrets)
        say(f"probes: {len(bundle.probe)}")
        failures = probe_all(bundle)
        if failures:
            raise Failed("; ".join(failures))
    except (Failed, OSError) as failure:
        changed_units = [name for name in bundle.unit if name in state.units]
        report = {"ok": False, "error": str(failure), "journal": journal_of(changed_units)}
        if former_bundle is None:
            return {**report, "wentBack": False}
        go_back(bundle, former_bundle, state)
        return {**report, "wentBack": True}
    finish(bundle, state)
    left = [f"package {name}" for name in (former_bundle.packages if former_bundle else []) if name not in bundle.packages]
    return {"ok": True, "changes": changes, "left": left}


# Commands


def take_secrets(_):
    """Keeps what this host may know. Names are told, values never."""
    try:
        message = json.load(sys.stdin)
        host, values = message["host"], message["secrets"]
    except (ValueError, KeyError, TypeError):
        raise Refused("secrets come as JSON on stdin: {\"host\": NAME, \"secrets\": {NAME: VALUE}}") from None
    if host != os.uname().nodename:
        raise Refused(f"these secrets are for {host}, this host is {os.uname().nodename}")
    changed = load_json(SECRETS, None) != values
    if changed:
        write_file(SECRETS, json.dumps(values).encode(), 0o600)
    return {"ok": True, "changed": changed, "secrets": sorted(values)}


def read_bundle():
    data = sys.stdin.buffer.read()
    try:
        bundle = Bundle(data.decode())
    except UnicodeDecodeError:
        raise Refused("this is no bundle: it is not UTF-8 text") from None
    for account in bundle.database_account.values():
        if account["secret"] not in load_json(SECRETS, {}):
            raise Refused(f"the bundle needs the secret {account['secret']}, which this host was not given: send secrets first")
    return bundle


def prepare(_):
    bundle, state, secrets = read_bundle(), State(), load_json(SECRETS, {})
    differences = Differences(bundle, state, secrets)
    say(f"stage: {len(differences.lines())} differences")
    download(differences.packages)
    # A validator may come with a package that is not installed yet: then it runs once that is.
    if not differences.packages and state.applied:
        validate(bundle, differences)
    keep_staged(bundle)
    report = {"ok": True, "sha256": bundle.sha256, "differences": differences.lines()}
    if state.applied is None:
        report["changes"] = make_so(bundle, state, secrets, wait=False)
    return report


def activate_staged(arguments):
    text = read_bytes(f"{STAGED}/{arguments.sha256}.bundle")
    if text is None:
        raise Refused(f"no bundle {arguments.sha256[:12]} is prepared on this host: run prepare first")
    bundle = Bundle(text.decode())
    return {"sha256": bundle.sha256, **activate(bundle, State(), load_json(SECRETS, {}))}


def apply(arguments):
    bundle, state, secrets = read_bundle(), State(), load_json(SECRETS, {})
    if arguments.check:
        differences = Differences(bundle, state, secrets)
        return {"ok": True, "sha256": bundle.sha256, "differences": differences.lines(), "diff": differences.diff(applied_bundle(state))}
    differences = Differences(bundle, state, secrets)
    say(f"stage: {len(differences.lines())} differences")
    download(differences.packages)
    if not differences.packages:
        validate(bundle, differences)
    return {"sha256": bundle.sha256, **activate(bundle, state, secrets)}


def verify(_):
    """How the host stands against what was applied last; asks each probe once."""
    state = State()
    bundle = applied_bundle(state)
    if bundle is None:
        return {"ok": True, "applied": None, "inSync": False, "healthy": False, "differences": [], "unhealthy": ["nothing was ever activated here"], "units": {}}
    differences = Differences(bundle, state, load_json(SECRETS, {}))
    unhealthy = probe_all(bundle, limit=0)
    starts = {name: int(u["ActiveEnterTimestampMonotonic"]) for name, u in unit_states(list(bundle.unit)).items()}
    lines = differences.lines()
    return {"ok": True, "applied": state.applied, "appliedAt": state.applied_at, "inSync": not lines, "healthy": not unhealthy,
            "differences": lines, "unhealthy": unhealthy, "probes": sorted(bundle.probe), "units": starts}


def lock():
    """One change at a time; the kernel frees the lock when its holder dies, however it dies."""
    handle = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(handle, 200).decode()
        print(json.dumps({"ok": False, "error": f"another run holds the lock: {holder}"}))
        say(f"another run holds the lock: {holder}")
        sys.exit(75)
    os.ftruncate(handle, 0)
    os.write(handle, f"pid {os.getpid()} since {time.strftime('%H:%M:%S')}".encode())


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
            clear_policy()
        report, code = arguments.action(arguments), 0
    except Refused as refusal:
        report, code = {"ok": False, "error": str(refusal)}, 2
    except (Failed, OSError) as failure:
        report, code = {"ok": False, "error": str(failure)}, 1
    if not report["ok"]:
        code = code or 1
        say(report["error"])
        if report.get("journal"):
            say(f"the last lines of the journal:\n{report['journal']}")
    print(json.dumps({"host": os.uname().nodename, **report, "seconds": round(time.monotonic() - began, 2)}))
    sys.exit(code)


if __name__ == "__main__":
    main()
