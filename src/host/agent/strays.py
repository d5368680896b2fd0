"""Files that take effect by lying where they do, whoever put them there: keys, rights, jobs, settings of units."""

import os
import re

from finding import TEXT_BYTES, finding, unified
from tools import read_bytes

AUTHORIZED_KEYS = "/etc/ssh/authorized_keys.d"
# Where administrators' own units and settings of units lie, from systemd.unit(5); packages have theirs elsewhere.
UNIT_DIRECTORIES = ("/etc/systemd/system", "/etc/systemd/system.control", "/run/systemd/system")
# By kind of finding. A directory that the bundle has files in, and whose name says that all in it is read, comes on top.
WATCHED = {
    "key": (AUTHORIZED_KEYS,),
    "sudoers": ("/etc/sudoers", "/etc/sudoers.d"),
    "cron": ("/etc/crontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly",
             "/var/spool/cron/crontabs"),
    "configuration": ("/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d", "/etc/ld.so.preload", "/etc/rc.local"),
}
READ_WHOLE = re.compile(r"(\.d|-enabled)$")
# What editors and dpkg leave beside a file; nothing that reads a whole directory takes these for its own.
LEFTOVER = re.compile(r"^\.|~$|\.(dpkg|ucf)-\w+$")
# A setting's value may be a secret, and this one's is often.
VALUES = re.compile(r"^(\s*(?:Environment|SetCredential\w*)\s*=).*", re.M)


def watched(bundle):
    """All directories that are looked through, sorted."""
    declared = {os.path.dirname(path) for path in (*bundle.file, *bundle.link)}
    fixed = {path for paths in WATCHED.values() for path in paths}
    return sorted({*fixed, *UNIT_DIRECTORIES, *filter(READ_WHOLE.search, declared)})


def stray_files(bundle, homes):
    """What lies there, but for the bundle's own: {path: description}. `homes` are looked through for keys."""
    paths = [f"{home}/.ssh/{name}" for home in {*homes} for name in ("authorized_keys", "authorized_keys2")]
    for directory in watched(bundle):
        paths += within(directory) if os.path.isdir(directory) else [directory]
    for directory in UNIT_DIRECTORIES:
        for path in within(directory, os.path.isdir):
            paths += within(path) if path.endswith(".d") else []
    return {path: described for path in paths if path not in bundle.file and path not in bundle.link
            for described in [describe(path, bundle)] if described}


def within(directory, wanted=lambda path: not os.path.isdir(path)):
    """The paths right in a directory that are `wanted`: files and links, unless told otherwise."""
    try:
        paths = [f"{directory}/{name}" for name in os.listdir(directory) if not LEFTOVER.search(name)]
        return [path for path in paths if wanted(path)]
    except FileNotFoundError:
        return []


def describe(path, bundle):
    """A file or link as plain data; None for what isn't there or has no effect of its own."""
    if os.path.islink(path):
        target = os.readlink(path)
        # Of the links among units only a mask tells something: the others follow from what is enabled.
        if os.path.dirname(path) in UNIT_DIRECTORIES and (target != "/dev/null" or os.path.basename(path) in bundle.unit):
            return None
        return {"rights": "", "text": f"link to {target}\n"}
    try:
        present = os.stat(path)
    except OSError:
        return None
    if not os.path.isfile(path):
        return None
    text = read_bytes(path).decode(errors="replace") if present.st_size <= TEXT_BYTES else f"{present.st_size} bytes\n"
    return {"rights": f"{present.st_mode & 0o7777:04o} {present.st_uid}:{present.st_gid}", "text": text}


def kind_of(path):
    if os.path.basename(path).startswith("authorized_keys"):
        return "key"
    directory = os.path.dirname(path)
    for kind, places in WATCHED.items():
        if path in places or directory in places:
            return kind
    if directory in UNIT_DIRECTORIES:
        return "unit-file"
    return "drop-in" if os.path.dirname(directory) in UNIT_DIRECTORIES else "configuration"


def stray_drift(bundle, before, now):
    """Findings from two answers of `stray_files`. What a package has put there is none: those change with upgrades."""
    found = []
    # A file that was somebody else's may have become the bundle's.
    for path in sorted({*before, *now} - {*bundle.file, *bundle.link}):
        was, is_now, kind = before.get(path), now.get(path), kind_of(path)
        if was == is_now or (is_now and of_package(path, is_now["text"])):
            continue
        if is_now is None and os.path.lexists(path):
            # It is a key in the home of an account that is gone or closed.
            continue
        if is_now is None:
            found.append(finding(kind, path, "is removed"))
        elif was is None:
            found.append(finding(kind, path, "is new and not declared", shown(path, kind, "", is_now)))
        elif was["text"] != is_now["text"]:
            found.append(finding(kind, path, "content changed", shown(path, kind, was["text"], is_now)))
        else:
            found.append(finding(kind, path, f"rights {was['rights']} → {is_now['rights']}"))
    return found


def shown(path, kind, before, now):
    """The diff, without what may be a secret: keys are public ones, and rights are no secret among administrators."""
    open_kind = kind in ("key", "sudoers")
    everybody = now["rights"] == "" or int(now["rights"].split()[0], 8) & 0o004
    if not open_kind and not everybody:
        return None
    before, text = (VALUES.sub(r"\1(not shown)", each) for each in (before, now["text"]))
    return unified(path, before, text, "" if open_kind else "-+ ")


def of_package(path, text):
    """Whether a file is just as a package brought it: dpkg and ucf keep hashes of such files."""
    import hashlib
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    lines = {"/var/lib/dpkg/status": f" {path} {digest}", "/var/lib/ucf/hashfile": f"{digest}  {path}"}
    return any(f"\n{line}" in f"\n{(read_bytes(kept) or b'').decode(errors='replace')}" for kept, line in lines.items())
