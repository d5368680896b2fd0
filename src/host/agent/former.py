"""The former state: what a change replaces, kept until the change is done."""

import base64
import copy
import json
import os
import shutil

from facts import as_found, describe_account, packages_now, read_sysctl, unit_states
from state import FORMER, HOME, REPLACED, ROOM, TRANSACTION
from switch import make_link
from tools import Failed, aside_of, load_json, read_bytes, remove_if_there, sync_directory, write_file

# Bytes kept free, beside the size of the former files, so that a full disk doesn't stop the way back.
ROOM_BYTES = 1 << 20

# What systemd has to read anew when it changes.
UNITS_COME_FROM = ("/etc/systemd/", "/etc/fstab", "/etc/init.d/")


def load_former(state):
    """
    The state before the change that is under way, be it this run's or that of an interrupted one. A memory from before
    the bundle that is applied now belongs to a run that was cut off when all was done.
    """
    former = load_json(FORMER, None)
    begun = {"applied": state.applied, "state": copy.deepcopy(state.give()), "paths": {}, "sysctls": {}, "units": {},
             "unmanaged": [], "guarded": [], "acted": {}, "accounts": {}, "packages": {}, "databaseAccounts": {}, "unread": False,
             "settled": [*state.owned["file"], *state.owned["link"]]}
    if former is None or former["applied"] != state.applied:
        return begun
    # An agent of another version may have begun it, which knew less.
    return {**begun, **former}


def save_former(former):
    write_file(FORMER, json.dumps(former).encode(), 0o600)


def remember(former, differences):
    """Writes down, before the first change, what stands in the way of it. An earlier memory is never overwritten."""
    bundle, gone = differences.bundle, differences.gone
    for path in [*differences.files, *differences.links, *differences.directories, *gone["file"], *gone["link"], *gone["directory"]]:
        for each in [*missing_parents(path), path]:
            if each not in former["paths"]:
                former["paths"][each] = describe(each)
            former["unread"] = former["unread"] or each.startswith(UNITS_COME_FROM)
    for key in [*differences.sysctls, *differences.gone_sysctls]:
        former["sysctls"].setdefault(key, read_sysctl(key))
    for name, unit in unit_states([*bundle.unit, *differences.gone_units]).items():
        former["units"].setdefault(name, as_found(unit))
    # The word of the latest bundle counts, for an interrupted run may have had another.
    others = [name for name in former["unmanaged"] if name not in bundle.unit]
    former["unmanaged"] = [*others, *(name for name, unit in bundle.unit.items() if unit["state"] == "unmanaged")]
    former["guarded"] = sorted({*former["guarded"], *(name for name, unit in bundle.unit.items() if unit["confirm"] == "yes")})
    for name in differences.versions:
        former["packages"].setdefault(name, packages_now().installed[name])
    for name in [*differences.accounts, *gone["account"]]:
        if name not in former["accounts"]:
            former["accounts"][name] = describe_account(name)
    os.makedirs(TRANSACTION, 0o700, exist_ok=True)
    sync_directory(HOME)
    keep_room(sum(len((described or {}).get("content", "")) for described in former["paths"].values()))
    save_former(former)


def remember_acted(former, verb, names):
    """Writes down, before it is done, that units are started, restarted or reloaded: with what they run is not theirs then."""
    for name in names:
        if former["acted"].get(name) != "restart":
            former["acted"][name] = "reload" if verb == "reload" else "restart"
    os.makedirs(TRANSACTION, 0o700, exist_ok=True)
    save_former(former)


def know_read(former):
    """Writes down that systemd has read its units since they were last changed."""
    former["unread"] = False
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
