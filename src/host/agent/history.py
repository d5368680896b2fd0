"""
What was done to this host, when, from which commit and by whom, one line of JSON each; and the bundles that were applied,
for going back to one.
"""

import json
import os
import time

from session import who
from state import BUNDLES, HISTORY, HOME, State, UNWRITTEN
from tools import Failed, Refused, explain, load_json, masked, read_bytes, remove_if_there, say, sync_directory, write_file

# Enough for years of a school's farm, and small enough to be read whole.
ENTRIES = 200
# The file is rewritten when it has grown by so many.
SLACK = 50
BUNDLES_KEPT = 20
# Of one change: so many lines of so many characters, and so many characters of why it failed.
LINES, LINE, WHY = 50, 200, 1000
SUCCESSES = ("applied", "rolled back")


def begin(kind, bundle, commit, changes):
    """What the history will say of a change that begins now. `kind` is one of SUCCESSES, for when it is one."""
    by, address = who()
    entry = {"kind": kind, "sha256": bundle.sha256, "commit": commit, "by": by, "from": address, "began": time.time()}
    return with_changes(entry, changes)


def with_changes(entry, changes):
    """`count` says how many there were, where there are too many to keep."""
    return {**entry, "changes": [line[:LINE] for line in masked(changes[:LINES])], "count": len(changes)}


def ended(entry, kind, why=None):
    now, told = time.time(), {**entry, "kind": kind}
    # The clock may have been set meanwhile.
    seconds = round(max(0, now - told.pop("began")), 1)
    told = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)), **told, "seconds": seconds}
    return told if why is None else {**told, "why": masked(why)[:WHY]}


def record(entry, kind, why=None):
    """
    Writes down a change that did not become the applied state: `went back`, `not confirmed`, `failed` (there was no way
    back, or not all of it could be gone) or `prepared` (a machine's first time). A full disk is told, and no failure.
    """
    attempt_append(ended(entry, kind, why))


def intend(bundle, entry):
    """Before a bundle becomes the applied one: keeps it, and what `settle` is to write once it is."""
    os.makedirs(BUNDLES, 0o700, exist_ok=True)
    path = bundle_file(bundle.sha256)
    if not os.path.exists(path):
        write_file(path, bundle.text.encode(), 0o600)
    write_file(UNWRITTEN, json.dumps(ended(entry, entry["kind"])).encode(), 0o600)


def settle():
    """Writes down that what was intended has come true, also for a run that was cut off just then."""
    entry = load_json(UNWRITTEN, None)
    if entry is None:
        return
    applied = State().applied
    if entry["sha256"] == applied and entries()[-1:] != [entry] and not attempt_append(entry):
        return
    remove_if_there(UNWRITTEN)
    keep = [bundle_file(each["sha256"]) for each in kept(applied)[:BUNDLES_KEPT]]
    for file in os.scandir(BUNDLES):
        if file.path not in keep:
            os.remove(file.path)


def attempt_append(entry):
    try:
        append(entry)
        return True
    except (Failed, OSError) as failure:
        say(f"the history could not be written: {explain(failure)}")
        return False


def append(entry):
    content, line = read_bytes(HISTORY) or b"", json.dumps(entry).encode() + b"\n"
    if content.count(b"\n") >= ENTRIES + SLACK:
        lines = [json.dumps(each).encode() + b"\n" for each in entries()[1 - ENTRIES:]]
        write_file(HISTORY, b"".join(lines) + line, 0o600)
        return
    # What a power cut has halved stays alone on its line.
    apart = b"" if content.endswith(b"\n") or not content else b"\n"
    with open(os.open(HISTORY, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(apart + line)
        file.flush()
        os.fsync(file.fileno())
    if not content:
        sync_directory(HOME)


def entries():
    """All that is known, oldest first. A line that was cut short counts for nothing."""
    found = []
    for line in (read_bytes(HISTORY) or b"").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            pass
    return found


def bundle_file(sha256):
    return f"{BUNDLES}/{sha256}.bundle"


def kept(applied):
    """
    The bundles that this host can be brought (back) to: [{number, sha256, commit, at}], the present one first and as
    number 0, the others by when they were applied last. `at` and `commit` are of that time.
    """
    newest = {}
    for entry in reversed(entries()):
        if entry["kind"] in SUCCESSES:
            newest.setdefault(entry["sha256"], entry)
    there = [entry for entry in newest.values() if os.path.exists(bundle_file(entry["sha256"]))]
    there.sort(key=lambda entry: entry["sha256"] != applied)
    # A present bundle that is older than the history still is number 0.
    first = 0 if there and there[0]["sha256"] == applied else 1
    return [{"number": number, **{key: entry[key] for key in ("sha256", "commit", "at")}} for number, entry in enumerate(there, first)]


def choose(name, applied):
    """The bundle of that number or hash. Raises Refused, naming those there are."""
    there = kept(applied)
    for choice in there:
        if name in (str(choice["number"]), choice["sha256"]):
            return choice
    names = ", ".join(f"{each['number']} ({each['sha256'][:12]} of {each['at']})" for each in there)
    raise Refused(f"this host has no bundle {name} to go back to; it has {names or 'none yet'}")
