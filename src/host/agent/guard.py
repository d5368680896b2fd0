"""
The guard against locking everybody out. A change of what administrators come in by (firewall, SSH, mesh, accounts)
arms a timer of systemd's, which survives the agent; unless the program comes back over a connection that is younger
than the change, and confirms, the timer makes the agent go back to the former state.
"""

import json
import os
import time

import session
from state import CONFIRMATION, TRANSACTION, WAITING
from tools import Failed, load_json, must, read_bytes, run, write_file

# Seconds for the confirmation: long enough to dial anew, short enough for whoever is locked out to wait.
CONFIRM_WITHIN = 60
TIMER = "farm-confirmation"
AGENT = "/usr/local/sbin/farm-agent"


def exposed(differences, former_bundle):
    """Which of the changes can lock administrators out: the guarded files and units, all accounts, the network's sysctls."""
    bundles = [bundle for bundle in (differences.bundle, former_bundle) if bundle]

    def guarded(kind, name):
        return any(bundle.entries[kind].get(name, {}).get("confirm") == "yes" for bundle in bundles)

    gone = differences.gone
    files = [path for path in [*differences.files, *gone["file"]] if guarded("file", path)]
    units = [name for name in [*dict(differences.unit_actions_ahead()), *differences.gone_units] if guarded("unit", name)]
    sysctls = [key for key in [*differences.sysctls, *differences.gone_sysctls] if key.startswith("net.")]
    return [*files, *units, *sysctls, *differences.accounts, *gone["account"]]


def waiting():
    """What waits for its confirmation: {sha256, boot, since, report, entry, and undone once the way back was begun}, or None."""
    return load_json(CONFIRMATION, None)


def arm(bundle, report, entry):
    """
    Sets the timer, and sets it anew at the end of a change, when there is something to confirm. Each timer knows its own
    arming by the time, so that one that was set before does nothing. `report` is what the run has done, None while it
    is at work; `entry` is what the history will say of it. Returns a text that tells this arming from all others.
    """
    since = time.clock_gettime(time.CLOCK_BOOTTIME)
    must("set the timer that undoes an unconfirmed change", [
        "systemd-run", "--quiet", "--collect", f"--unit={TIMER}-{since * 1000:.0f}", f"--on-active={CONFIRM_WITHIN}s",
        "--timer-property=AccuracySec=100ms", "--description=Undo a change that nobody has confirmed", AGENT, "go-back", "--armed", str(since)])
    os.makedirs(TRANSACTION, 0o700, exist_ok=True)
    write_file(WAITING, bundle.text.encode(), 0o600)
    record = {"sha256": bundle.sha256, "boot": boot(), "since": since, "report": report, "entry": entry}
    write_file(CONFIRMATION, json.dumps(record).encode(), 0o600)
    return f"{time.time():.3f}"


def begin_undoing():
    """From now on the change that waits can't be confirmed: it is half undone, should the way back be cut off."""
    record = waiting()
    if record:
        write_file(CONFIRMATION, json.dumps({**record, "undone": True}).encode(), 0o600)


def over(record):
    """Whether a change that waits can't be confirmed any more, and is only to be made again."""
    return record.get("undone", False) or record["boot"] != boot()


def disarm():
    run(["systemctl", "stop", f"{TIMER}-*.timer"])


def waiting_bundle_text():
    return read_bytes(WAITING).decode()


def require_new_connection(record):
    """Fails unless the change is done and this very command came over an SSH connection that was opened after the change."""
    opened = session.opened()
    if opened is None:
        raise Failed("a change is confirmed over SSH, as administrators come in; this is no SSH session")
    if record.get("undone"):
        raise Failed("this host has begun to go back from the change, and did not come all the way: make it again")
    if record["report"] is None:
        raise Failed("the change that waits here was cut off before it was done; make it again")
    if record["boot"] != boot():
        raise Failed("the host has been restarted since the change, which is therefore undone")
    if opened < record["since"]:
        raise Failed("this connection is older than the change and proves nothing: confirm over a new one")


def boot():
    return read_bytes("/proc/sys/kernel/random/boot_id").decode().strip()
