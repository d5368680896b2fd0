"""`farm-agent drift`: in what this host differs from what was applied last, whoever did it. Changes nothing."""

import json
import os
import time

from baseline import BASELINE
from declared import declared_drift
from differences import Differences
from history import kept
from host_secrets import load_secrets
from state import APPLIED, LOCK, State, TRANSACTION, applied_bundle
from tools import load_json, masked, read_bytes, write_file
from undeclared import snapshot, undeclared_drift, upgrades

# Taken by apt for as long as it works.
APT_LOCK = "/var/lib/dpkg/lock-frontend"
NOTHING = {"applied": None, "differences": [], "notes": ["nothing was ever applied here"]}


def drift(arguments):
    """The report: `differences` are findings (finding.py), `notes` what is worth knowing and no drift."""
    state = State()
    bundle = applied_bundle(state)
    changing = under_way()
    report = {"ok": True, **(compared(bundle, state) if bundle else NOTHING)}
    # It may have begun, or ended, while we looked.
    report["changing"] = changing or under_way()
    if arguments.keep:
        keep_result(report, bundle, arguments.keep)
    return report


def compared(bundle, state):
    differences, before, now = Differences(bundle, state, load_secrets(bundle)), load_json(BASELINE, None), snapshot(bundle)
    found, notes = declared_drift(differences), []
    if before is None:
        notes.append("no change was completed since drift is looked for: only what is declared is compared")
    else:
        found += undeclared_drift(differences, before, now)
        notes += upgrades(bundle, before, now)
    applied_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(os.stat(APPLIED).st_mtime))
    commit = next((each["commit"] for each in kept(state.applied) if each["number"] == 0), None)
    return {"applied": state.applied, "appliedAt": applied_at, "commit": commit, "differences": found, "notes": notes}


def under_way():
    """What may be the reason of differences that nobody has made by hand, or None."""
    if is_locked(LOCK):
        return f"a run of the farm's agent is at work: {(read_bytes(LOCK) or b'').decode()}"
    if os.path.exists(TRANSACTION):
        return "a change waits for its confirmation, or was cut off: run it again"
    return "apt or dpkg is at work" if is_locked(APT_LOCK) else None


def is_locked(path):
    """Whether somebody holds a lock on a file, as the kernel tells; trying the lock could get in somebody's way."""
    try:
        inode = os.stat(path).st_ino
    except FileNotFoundError:
        return False
    with open("/proc/locks", encoding="ascii") as file:
        return any(f":{inode} " in line and "->" not in line for line in file)


def keep_result(report, bundle, path):
    """
    Keeps the result for monitoring, which is not root: names and one line each, never a diff. One that was taken in the
    middle of a change would only mislead.
    """
    if report["changing"]:
        return
    from probes import probe_all
    kept = {
        "host": os.uname().nodename,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "applied": report["applied"],
        "differences": [{key: difference[key] for key in ("kind", "name", "what")} for difference in report["differences"]],
        "unhealthy": [why for why, _ in probe_all(bundle, limit=0)] if bundle else [],
    }
    write_file(path, f"{json.dumps(masked(kept))}\n".encode(), 0o644)
