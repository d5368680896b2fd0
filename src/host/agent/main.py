#!/usr/bin/python3 -ES
"""The farm's agent: makes a host's desired state, the bundle, so. Python's standard library only; runs as root.

    farm-agent secrets           take secrets (JSON on stdin) and keep them for root alone
    farm-agent prepare [--adopt] take a bundle (stdin): check, stage, validate, download packages; what runs goes on as it was
    farm-agent activate SHA256   make the prepared bundle so, ask its probes, go back to the former state if one says no
    farm-agent confirm SHA256    the change has locked nobody out: this connection is newer than it, and shows that
    farm-agent go-back           undo a change that waits for its confirmation; a timer calls this
    farm-agent apply [--check]   prepare and activate; with --check print what would change, and change nothing
    farm-agent rollback N [--check]  activate a bundle of the history again: 0 is the present one, 1 the one before
    farm-agent history           what was applied when, from which commit, by whom, and which of it one can go back to
    farm-agent verify            compare the host with what was applied last; changes nothing
    farm-agent drift [--keep FILE]  the same more closely, and what no bundle declares, as diffs; changes nothing, but
                                 writes what it found, in short, to a file for monitoring
    farm-agent gates             ask whether the others can do without this host now; changes nothing
    farm-agent databases         make databases and accounts as applied: other hosts are there now that were waited for
    farm-agent retire SECRET N   refuse what was good before generation N of a secret: nobody has it any more

Each prints one line of JSON on stdout, and what it does on stderr while it does it. Exit codes: 0 done, 1 failed,
2 refused and nothing was touched, 3 this host had a life before the farm and was only looked at, 75 another run holds
the lock.

A machine made for the farm bears a mark (FRESH) until its first activation. There `prepare` goes all the way but for
databases and probes, so that the members of a new cluster come up together; and there is no former state to go back
to: what was done stays, for the next run to build on. Any other host is looked at and left alone, until --adopt says
that it may be taken over; then it is treated with the care that every running host gets, from the first change on.

Confirmation. See guard.py: until a change of what administrators come in by is confirmed, the former bundle counts as
the applied one.

Interruption. Before the first change the former state of all that will change is written to TRANSACTION; it stays
until a run has succeeded, so that the next run, which goes forward from whatever is there, can still go back to it.
What a unit was last (re)started with is kept by hash, so a restart that an interruption prevented is made up for.

The way back covers files, links, directories, sysctls, units, versions of packages, accounts (one that was made is locked)
and passwords and grants in the database. Packages and databases that were made stay. `wentBack` false with a former state means that some
of it could not be brought back; the error says what, and the next run tries again. Texts never hold a secret's value.
"""

import argparse
import fcntl
import json
import os
import sys
import time

import guard
import history
from activation import activate, finish, make_so
from ahead import OnlyLooked, look_ahead, meet
from baseline import BASELINE
from bundle import Bundle
from databases import retire_passwords, settle_databases
from differences import Differences
from former import forget_former, load_former
from host_secrets import load_secrets, refuse_other_generations, take_secrets
from packages import APT_LIMIT, POLICY, clear_policy
from probes import ask_gates, probe_all
from staging import clear_staged, keep_staged
from state import APPLIED, HISTORY, HOME, LOCK, SECRETS, STAGED, STATE, UNWRITTEN, State, applied_bundle
from tools import Failed, POLL, Refused, aside_of, explain, masked, read_bytes, remove_if_there, say
from units import LONGEST, journal_of
from way_back import go_back

# Seconds that the timer's own call waits for a run that is at work: apt and units may take that long, there and back.
GO_BACK_PATIENCE = 2 * (APT_LIMIT + LONGEST)
# The same for all others: a database's daemon that asks whether somebody holds the lock holds it itself for a moment.
GLANCE = 1


def read_bundle():
    try:
        return Bundle(sys.stdin.buffer.read().decode())
    except UnicodeDecodeError:
        raise Refused("this is no bundle: it is not UTF-8 text") from None


def prepare(arguments):
    bundle, state = read_bundle(), State()
    secrets = load_secrets(bundle)
    meet(bundle, state, secrets, arguments.adopt)
    differences = look_ahead(bundle, state, secrets)
    keep_staged(bundle)
    report = {"ok": True, "sha256": bundle.sha256, "preparedAt": f"{time.time():.3f}", "differences": differences.lines()}
    if state.applied is None and not state.adopted:
        entry = history.begin("prepared", bundle, arguments.commit, [])
        report["changes"] = make_so(differences, state, wait=False)
        if report["changes"]:
            history.record(history.with_changes(entry, report["changes"]), "prepared")
    return report


def activate_staged(arguments):
    text = read_bytes(f"{STAGED}/{arguments.sha256}.bundle")
    if text is None:
        raise Refused(f"no bundle {arguments.sha256[:12]} is prepared on this host: run prepare first")
    bundle = Bundle(text.decode())
    refuse_other_generations(bundle)
    return {"sha256": bundle.sha256, **activate(bundle, State(), load_secrets(bundle), arguments.commit)}


def confirm(arguments):
    state, record = State(), guard.waiting()
    if record and record["sha256"] != arguments.sha256:
        raise Failed(f"another change waits for its confirmation here, {record['sha256'][:12]}")
    if record and not (arguments.again and guard.over(record)):
        guard.require_new_connection(record)
        finish(Bundle(guard.waiting_bundle_text()), state, record["entry"])
        return {"ok": True, "sha256": arguments.sha256, "confirmed": True, **record["report"]}
    if record is None and state.applied == arguments.sha256:
        return {"ok": True, "sha256": arguments.sha256, "confirmed": False}
    if not arguments.again:
        raise Failed(f"nobody confirmed the change within {guard.CONFIRM_WITHIN} s, so this host went back to its former state")
    say(f"the host {'began to go' if record else 'went'} back meanwhile, as nobody had confirmed the change: making it again")
    return activate_staged(arguments)


def undo_unconfirmed(arguments):
    state, record = State(), guard.waiting()
    # A timer that was set for an earlier arming has nothing to say.
    if record is None or arguments.armed not in (None, record["since"]):
        return {"ok": True, "wentBack": False}
    load_secrets()
    problems = go_back(applied_bundle(state), state)
    history.record(record["entry"], "not confirmed", "; ".join([f"nobody confirmed it within {guard.CONFIRM_WITHIN} s", *problems]))
    return {"ok": not problems, "wentBack": not problems, "error": "; ".join(problems)}


def apply(arguments):
    bundle, state = read_bundle(), State()
    secrets = load_secrets(bundle)
    if arguments.check:
        differences = Differences(bundle, state, secrets)
        return {"ok": True, "sha256": bundle.sha256, "differences": differences.lines(), "diff": differences.diff(applied_bundle(state))}
    meet(bundle, state, secrets, arguments.adopt)
    look_ahead(bundle, state, secrets)
    return {"sha256": bundle.sha256, **activate(bundle, state, secrets, arguments.commit)}


def tell_history(_):
    applied = State().applied
    return {"ok": True, "applied": applied, "entries": history.entries()[::-1], "bundles": history.kept(applied)}


def verify(_):
    """How the host stands against what was applied last; asks each probe once."""
    state = State()
    bundle = applied_bundle(state)
    if bundle is None:
        return {"ok": True, "applied": None, "inSync": False, "healthy": False, "differences": [], "unhealthy": ["nothing was ever activated here"], "units": {}}
    differences = Differences(bundle, state, load_secrets(bundle))
    unhealthy = [why for why, _ in probe_all(bundle, limit=0)]
    starts = {name: int(u["ActiveEnterTimestampMonotonic"]) for name, u in differences.unit_states.items()}
    lines = differences.lines()
    applied_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(os.stat(APPLIED).st_mtime))
    return {"ok": True, "applied": state.applied, "appliedAt": applied_at, "waitsForConfirmation": guard.waiting() is not None, "inSync": not lines, "healthy": not unhealthy,
            "differences": lines, "unhealthy": unhealthy, "probes": sorted(bundle.probe), "units": starts}


def may_be_away(_):
    bundle = applied_bundle(State())
    if bundle is not None:
        ask_gates(bundle)
    return {"ok": True}


def look_for_drift(arguments):
    from drift import drift
    return drift(arguments)


def roll_back(arguments):
    from rollback import rollback
    return rollback(arguments.bundle, arguments.check)


def complete_databases(arguments):
    """Called when all hosts are changed: one that was changed before others could only begin."""
    state = State()
    bundle = applied_bundle(state)
    if bundle is None:
        raise Refused("nothing is applied here")
    if guard.waiting():
        raise Refused("a change waits for its confirmation")
    changes = settle_databases(bundle, state, load_secrets(bundle))
    forget_former(load_former(state))
    return {"ok": True, "changes": changes}


def retire(arguments):
    """Called when no client is left that has a former value of a raised secret."""
    state = State()
    bundle = applied_bundle(state)
    applied = bundle and bundle.secret.get(arguments.secret, {}).get("generation")
    if applied != arguments.generation:
        raise Refused(f"generation {arguments.generation} of {arguments.secret} is not applied here, but {applied or 'none'}")
    return {"ok": True, "changes": retire_passwords(arguments.secret, bundle, state, load_secrets(bundle))}


def lock(limit):
    """One change at a time; the kernel frees the lock when its holder dies, however it dies. Waits for it `limit` seconds."""
    handle = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + limit
    while not taken(handle):
        if time.monotonic() < end:
            time.sleep(POLL)
            continue
        holder = os.read(handle, 200).decode() or "it has only just begun"
        print(json.dumps({"ok": False, "error": f"another run holds the lock: {holder}"}))
        say(f"another run holds the lock: {holder}")
        sys.exit(75)
    os.ftruncate(handle, 0)
    os.write(handle, f"pid {os.getpid()}, {sys.argv[1]}, since {time.strftime('%H:%M:%S')}".encode())


def taken(handle):
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def parse_arguments():
    parser = argparse.ArgumentParser(prog="farm-agent", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    actions = {"secrets": take_secrets, "prepare": prepare, "activate": activate_staged, "confirm": confirm,
               "go-back": undo_unconfirmed, "apply": apply, "rollback": roll_back, "history": tell_history, "verify": verify,
               "drift": look_for_drift, "gates": may_be_away, "databases": complete_databases, "retire": retire}
    for name, action in actions.items():
        command = commands.add_parser(name)
        command.set_defaults(action=action, check=False)
        if name in ("activate", "confirm"):
            command.add_argument("sha256", metavar="SHA256")
        if name in ("prepare", "activate", "confirm", "apply"):
            command.add_argument("--commit", default="unknown", help="the program's commit, for the history")
        if name == "go-back":
            command.add_argument("--armed", type=float, metavar="TIME", help="only if it has waited since then")
        if name == "retire":
            command.add_argument("secret", metavar="SECRET")
            command.add_argument("generation", metavar="GENERATION")
        if name == "confirm":
            command.add_argument("--again", action="store_true", help="make the change again if the host went back meanwhile")
        if name in ("prepare", "apply"):
            command.add_argument("--adopt", action="store_true", help="take over a host that had a life before the farm")
        if name == "rollback":
            command.add_argument("bundle", metavar="N", help="its number in `history`, or its hash")
        if name in ("apply", "rollback"):
            command.add_argument("--check", action="store_true", help="print what would change, and change nothing")
        if name == "drift":
            command.add_argument("--keep", metavar="FILE", help="keep the result for monitoring")
    return parser.parse_args()


def explain_failure(report):
    """To people: the change, what is wrong with it, what the journal says, and where that leaves the host."""
    if report.get("journal"):
        say(report["journal"])
    if "wentBack" in report:
        say("the change: " + ("; ".join(report.get("changes", [])) or "nothing but a check"))
    say(report["error"])
    if report.get("wentBack"):
        say("this host is back in its former state")


def main():
    arguments = parse_arguments()
    os.umask(0o022)
    began = time.monotonic()
    reading = arguments.check or arguments.action in (tell_history, verify, look_for_drift, may_be_away)
    try:
        if not reading:
            # The timer has the last word, but not in the middle of a run.
            lock(GO_BACK_PATIENCE if arguments.action is undo_unconfirmed else GLANCE)
            os.makedirs(HOME, 0o700, exist_ok=True)
            os.chmod(HOME, 0o700)
            # What a killed run has left; what it left aside elsewhere goes with its transaction.
            clear_policy()
            clear_staged()
            for path in (STATE, SECRETS, APPLIED, BASELINE, POLICY, HISTORY, UNWRITTEN):
                remove_if_there(aside_of(path))
            history.settle()
        report, code = arguments.action(arguments), 0
    except OnlyLooked as looked:
        for line in looked.lines:
            say(f"would change: {line}")
        say(f"the files, as they are and as they would be:\n{looked.diff}")
        report, code = {"ok": False, "error": str(looked), "differences": looked.lines, "diff": looked.diff}, 3
    except Refused as refusal:
        report, code = {"ok": False, "error": str(refusal)}, 2
    except (Failed, OSError) as failure:
        report, code = {"ok": False, "error": explain(failure), "journal": journal_of(getattr(failure, "units", ()))}, 1
    if not report["ok"]:
        code = code or 1
        explain_failure(report)
    print(json.dumps({"host": os.uname().nodename, **masked(report), "seconds": round(time.monotonic() - began, 2)}))
    sys.exit(code)


if __name__ == "__main__":
    main()
